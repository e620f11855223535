"""The page of a prompt in a real browser: its clips play on one clock, and its links keep the choices of the first."""

import numpy as np
import pytest

FRAME_S = 0.04


def test_a_prompt_shows_the_chosen_models_and_its_links_keep_the_choices(visit):
    page = visit(search="?model=bad&model=real&find=p0")
    page.locator("#clips tbody th a").nth(1).click()
    page.wait_for_url("**/0002.html?*")
    cards = page.locator(".card:visible")
    assert cards.evaluate_all("(all) => all.map((one) => one.ariaLabel)") == ["bad", "real"]
    assert page.locator(".scores thead th:visible").all_inner_texts() == ["bad", "real"]
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.wait_for_url("**/0003.html?*")
    assert page.get_by_label("Hear real").is_checked()
    page.keyboard.press("p")
    page.wait_for_url("**/0002.html?*")
    page.get_by_role("link", name="All prompts").click()
    page.wait_for_url("**/index.html?*")
    assert page.locator("#clips thead th").all_text_contents() == ["Prompt", "bad", "real"]
    assert page.locator("#find").input_value() == "p0"
    page.go_back()
    page.get_by_role("link", name="Show all").click()
    page.wait_for_url("**/0002.html?find=p0&hear=real")
    assert page.locator(".card:visible").count() == 4


def test_a_prompt_leads_through_the_view_that_it_was_opened_from(visit):
    page = visit(search="?prompts=hair%3Dblue&find=word&show=score&by=bad+descending")
    listed = page.locator("#clips tbody th a").all_text_contents()
    assert listed[:2] == ["p29", "p28"]
    page.locator("#clips tbody th a").nth(1).click()
    page.locator(".where", has_text="2 of 20 in this view").wait_for()
    page.keyboard.press("n")
    page.wait_for_url("**/0028.html?*")
    page.get_by_role("link", name="Previous").click()
    page.wait_for_url("**/0029.html?*")
    page.keyboard.press("p")
    page.locator(".where", has_text="1 of 20 in this view").wait_for()
    assert page.get_by_role("link", name="Previous").count() == 0
    page = visit("prompts/0003.html", search="?prompts=hair%3Dblue")  # It is red: the order is that of the suite.
    assert page.locator(".where").text_content() == "3 of 30"
    page.keyboard.press("n")
    page.wait_for_url("**/0004.html?*")


def test_cards_of_a_prompt_line_up(visit):
    page = visit("prompts/0001.html")
    tops = page.locator(".card").evaluate_all(
        "(cards) => cards.map((card) => ['.stage', '.track', '.said'].map((part) => "
        "[card.getBoundingClientRect().top, card.querySelector(part).getBoundingClientRect().top]))"
    )
    by_row = {}
    for card in tops:
        by_row.setdefault(round(card[0][0]), set()).add(tuple(round(top) for _, top in card))
    assert by_row
    assert all(len(found) == 1 for found in by_row.values()), by_row


WATCH = """(videos, seconds) => new Promise((resolve) => {
  const seen = [];
  const look = () => {
    const times = videos.map((video) => video.currentTime);
    if (videos.every((video) => !video.paused)) seen.push(times);
    if (Math.min(...times) >= seconds || videos.some((video) => video.ended)) resolve(seen);
    else requestAnimationFrame(look);
  };
  look();
})"""
"""Times of all clips, each time the page is painted, until all of them have come so far."""


def test_clips_start_together_and_stay_together(visit):
    page = visit("prompts/0001.html")
    videos = page.locator("video")
    assert videos.count() == 4
    videos.evaluate_all(f"(all) => {{ window.watched = ({WATCH})(all, 1.2); }}")  # Begun before they play.
    page.get_by_role("button", name="Play all").click()
    seen = np.array(page.evaluate("watched"))
    assert len(seen) > 5
    assert (np.diff(seen, axis=0) >= -2 * FRAME_S).all()
    assert seen[-1].min() > 1.0
    assert np.median(np.ptp(seen, axis=1)) <= 2 * FRAME_S
    # The time line and the playheads tell the same moment.
    clock, *heads = page.locator(".playhead").evaluate_all(
        "(all) => [Number(document.getElementById('time').value), ...all.map((e) => parseFloat(e.style.left))]"
    )
    assert heads == pytest.approx([100 * clock / 2] * 4, abs=100 * FRAME_S / 2)


def test_one_clip_is_heard(visit):
    page = visit("prompts/0001.html")
    muted = "(videos) => videos.map((video) => video.muted)"
    assert page.locator("video").evaluate_all(muted) == [False, True, True, True]
    page.get_by_label("Hear real").check()
    assert page.locator("video").evaluate_all(muted) == [True, True, False, True]
    page.locator("#speed").select_option("0.25")  # None ends before it is looked at.
    page.get_by_role("button", name="Play bad alone").click()
    assert page.locator("video").evaluate_all(muted) == [True, False, True, True]
    page.locator("video").nth(1).evaluate(
        "(video) => new Promise((done) => video.paused ? video.addEventListener('playing', done) : done())"
    )
    assert page.locator("video").evaluate_all("(all) => all.map((v) => v.paused)") == [True, False, True, True]
    page.get_by_role("button", name="Pause bad").click()
    assert page.locator("video").evaluate_all("(all) => all.map((v) => v.paused)") == [True] * 4


def test_keys_play_stop_and_step(visit):
    page = visit("prompts/0001.html")
    page.locator("#speed").select_option("0.25")
    page.locator("h1").click()
    page.keyboard.press("Space")
    page.locator("video").evaluate_all(WATCH, 0.3)
    page.keyboard.press("Space")
    assert page.locator("#play").text_content() == "Play all"
    assert page.locator("video").evaluate_all("(all) => all.every((v) => v.paused)")
    page.locator("#time").focus()
    page.keyboard.press("Home")
    assert page.locator("#clock").text_content() == "0.00 s"
    page.locator("h1").click()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#clock").text_content() == "0.08 s"
    page.locator("video").first.evaluate(
        "(v) => new Promise((done) => v.seeking ? v.addEventListener('seeked', done) : done())"
    )
    assert page.locator("video").first.evaluate("(v) => v.currentTime") == pytest.approx(0.08, abs=0.001)


def test_numbers_choose_whose_sound_plays(visit):
    page = visit("prompts/0001.html")
    muted = "(videos) => videos.map((video) => video.muted)"
    for key, heard in (("3", 2), ("1", 0), ("9", 0)):
        page.keyboard.press(key)
        assert page.locator("video").evaluate_all(muted) == [place != heard for place in range(4)]
    page.keyboard.press("4")
    assert page.locator("#told").text_content() == "Hear still"
    page.wait_for_url("**?hear=still")
    assert page.locator(".hear kbd").all_text_contents() == ["1", "2", "3", "4"]
    page.locator("#speed").focus()
    page.keyboard.press("2")  # A list takes what is typed for itself.
    page.keyboard.press("Control+2")
    assert page.get_by_label("Hear still").is_checked()
    # The space bar plays, also from the sound that a mouse has chosen.
    page.get_by_label("Hear real").click()
    page.keyboard.press("Space")
    assert page.locator("#play").text_content() == "Pause"
    page.keyboard.press("p")
    page.wait_for_url("**/0001.html?hear=real")  # No prompt is before the first.


def test_nothing_is_read_before_it_is_near(visit):
    page = visit("prompts/0001.html", viewport={"width": 375, "height": 300})
    preload = page.locator("video").evaluate_all("(all) => all.map((v) => v.preload)")
    assert preload[-1] == "none"
    page.locator("video").last.scroll_into_view_if_needed()
    page.locator("video[preload=metadata]").last.wait_for()
    assert page.locator("video").last.evaluate(
        "(v) => v.readyState > 0 || new Promise((done) => v.addEventListener('loadedmetadata', () => done(true)))"
    )
