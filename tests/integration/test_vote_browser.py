"""The pages to vote on in a real browser: by keys alone, on a phone, with a server and without, with a broken clip."""

import itertools
import json
import shutil
import threading

import numpy as np
import pytest

from jova_bench.report.vote.site import write_vote
from jova_bench.votes.reading import read_votes
from jova_bench.votes.serve import admit, server
from jova_bench.votes.study import read_key
from support.studies import voted_run

sync_api = pytest.importorskip("playwright.sync_api", reason="not installed: pip install 'jova-bench[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")

QUESTIONS = """
checks = 1
[[questions]]
id = "sync"
text = "Which fits together better? </script><img src=x onerror=alert(1)>"
checks = ["shuffled", "still"]
[[questions]]
id = "overall"
text = "Which is better?"
"""
WATCH = """() => {
  const videos = [...document.querySelectorAll("video")], hint = document.getElementById("hint");
  const seen = window.seen = {hints: [], times: []};
  new MutationObserver(() => seen.hints.push(hint.textContent)).observe(hint, {childList: true});
  const look = () => {
    if (videos.every((video) => !video.paused)) seen.times.push(videos.map((video) => video.currentTime));
    requestAnimationFrame(look);
  };
  look();
}"""
"""Keeps each hint, and the times of both clips whenever the page is painted while both play: a hint lasts a second,
less than a busy machine may need to look for it."""

PAUSE = """(video) => {
  const look = () => {
    if (video.currentTime > 0.1 && !video.ended) { video.pause(); window.paused = video.currentTime; }
    else requestAnimationFrame(look);
  };
  look();
}"""
"""Pauses a clip once, as a browser may, after a tenth of a second."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "q.toml").write_text(QUESTIONS)
    return write_vote(voted_run(folder / "run"), questions=folder / "q.toml", workers=0)


@pytest.fixture
def study(made, tmp_path):
    return shutil.copytree(made, tmp_path / "study")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Opens a page; afterwards, it may have complained of nothing."""
    seen, contexts = [], []

    def go(address, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address)
        return page

    yield go
    for context in contexts:
        for page in context.pages:
            page.evaluate("0")
        context.close()
    assert seen == []


def opened(page):
    """Waits until both clips were heard and the questions are open."""
    page.locator("input[value=left]:enabled").first.wait_for()


def test_votes_by_keys_alone_come_back_as_given(visit, study):
    page = visit((study / "pages" / "index.html").as_uri() + "?rater=ann")
    assert page.locator("#rater").input_value() == "ann"
    page.get_by_role("button", name="Begin").press("Enter")
    videos, shown = page.locator("video"), []
    assert page.locator("#where").text_content() == "Pair 1 of 4"
    assert page.locator("legend").first.text_content().endswith("onerror=alert(1)>")
    assert page.locator("#prompt dd").first.text_content() == "say <b>red</b>"
    page.keyboard.press("1")
    assert page.locator("input:checked").count() == 0  # Nothing was heard yet.
    muted = "(all) => all.map((one) => one.muted)"
    assert videos.evaluate_all(muted) == [False, True]
    page.evaluate(WATCH)
    page.keyboard.press("Space")
    opened(page)
    assert videos.evaluate_all(muted) == [True, False]
    seen = page.evaluate("seen")
    told = [one for one, _ in itertools.groupby(seen["hints"]) if one.startswith("You hear")]
    assert told == ["You hear the left clip.", "You hear the right clip."]
    assert np.median(np.abs(np.diff(seen["times"], axis=1))) <= 0.08  # On one clock.
    for number, keys in enumerate(("11", "32", "23", "1")):
        if number == 2:
            page.reload()  # What was answered is kept, and the pair that was not comes again, on the same sides.
            page.get_by_role("button", name="Begin").press("Enter")
            assert page.locator("#where").text_content() == "Pair 3 of 4"
        if number:
            page.keyboard.press("Space")
            opened(page)
        shown.append([one.rpartition("/")[2][:-4] for one in videos.evaluate_all("(all) => all.map((one) => one.src)")])
        for key in keys:
            page.keyboard.press(key)
        if number == 3:
            assert page.locator("#next").is_disabled()  # One question is open.
            page.keyboard.press("ArrowUp")
            page.keyboard.press("2")
            page.keyboard.press("4")
        page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download answers").last.click()
    key = read_key(study)
    assert started.value.suggested_filename == f"{key.study}-ann.jsonl"
    started.value.save_as(study / "answers" / "ann.jsonl")
    lines = [json.loads(line) for line in (study / "answers" / "ann.jsonl").read_text().splitlines()]
    assert [[one["left"], one["right"]] for one in lines] == [pair for pair in shown for _ in range(2)]
    assert [one["answer"] for one in lines] == ["left", "left", "right", "same", "same", "right", "same", "broken"]
    assert all(one["seconds"] >= 1.5 for one in lines[:2])  # Two clips of a second were heard.
    votes = read_votes([study])
    ordinary = [one for one in votes if one.expected is None]
    assert {(one.prompt_id, one.question) for one in ordinary} == {
        (f"p0{k}", q) for k in range(3) for q in ("sync", "overall")
    }
    (check,) = (one for one in votes if one.expected)
    assert (check.question, "real" in (check.left, check.right)) == ("sync", True)


def test_a_phone_fits_and_the_server_keeps_each_pair(visit, study):
    raters = admit(study, ["ben"])
    with server(study, raters, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            token, port = raters.raters["ben"].token, serving.server_address[1]
            phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
            page = visit(f"http://127.0.0.1:{port}/{token}/", **phone)
            page.get_by_role("button", name="Begin").tap()
            page.get_by_role("button", name="Play").tap()
            opened(page)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) == 0
            for box in page.locator("#pair button:visible, .answers span").all():
                assert min(box.bounding_box()["height"], box.bounding_box()["width"]) >= 40
            page.locator("fieldset").nth(0).locator("label", has_text="Left").tap()
            page.locator("fieldset").nth(1).locator("label", has_text="Same").tap()
            with page.expect_response("**/answers") as sent:
                page.get_by_role("button", name="Next").tap()
            assert sent.value.status == 204
            assert [one.answer for one in read_votes([study])][:1] == ["left"]
            page.locator("#where", has_text="Pair 2 of 4").wait_for()
        finally:
            serving.shutdown()
            thread.join()


def test_a_clip_that_the_browser_pauses_goes_on_to_its_end(visit, study):
    page = visit((study / "pages" / "index.html").as_uri() + "?rater=dee")
    page.get_by_role("button", name="Begin").click()
    page.locator("video").nth(1).evaluate(PAUSE)
    page.keyboard.press("Space")
    opened(page)
    assert page.evaluate("paused") > 0.1


def test_a_clip_that_does_not_play_can_only_be_called_broken(visit, study):
    for path in (study / "pages" / "clips").iterdir():
        path.write_bytes(b"no clip at all")
    page = visit((study / "pages" / "index.html").as_uri())
    page.locator("#rater").fill("cem")
    page.get_by_role("button", name="Begin").click()
    page.locator("#hint", has_text="cannot play the left and right clip").wait_for()
    assert page.locator("#questions input:enabled").evaluate_all("(all) => all.map((one) => one.value)") == [
        "broken",
        "broken",
    ]
    page.keyboard.press("4")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    page.locator("#where", has_text="Pair 2 of 4").wait_for()
