"""The pages of a report in a real browser: they sort, filter, play on one clock, need no mouse, and fit a phone."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jova_bench.media import files as media
from jova_bench.report.html.figures import read_sweep
from jova_bench.report.html.site import write_html
from jova_bench.votes.fit import fit_votes
from support.made_runs import made_run, undefined
from support.voting import simulated

sync_api = pytest.importorskip("playwright.sync_api", reason="not installed: pip install 'jova-bench[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")

FRAME_S = 0.04
COUNT = 30
HOSTILE = "</script><img src=x onerror=alert(1)>"
MODELS = ("good", "bad", "real", "still")
SCORES = {
    "good": [float(i) for i in range(COUNT)],
    "bad": [undefined("nobody speaks")] * 3 + [i / 2 for i in range(3, COUNT)],
    "real": [30.0 + i for i in range(COUNT)],
    "still": [undefined("the mouth does not move")] * COUNT,
}


ABORTED = "net::ERR_ABORTED"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Folder of the pages of four models and thirty prompts with a clip of two seconds."""
    folder = tmp_path_factory.mktemp("run")
    values = {model: {"score": SCORES[model], "other": [1.0, 2.0] * (COUNT // 2)} for model in MODELS}
    made_run(folder, values, transcripts=[f"say word {i} {HOSTILE}" for i in range(COUNT)])
    manifest = json.loads((folder / "manifest.json").read_text())
    for place, prompt in enumerate(manifest["prompts"]):
        prompt["tags"] = {"hair": "red" if place < 10 else "blue"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((folder / "summary.json").read_text())
    summary["cost"] = [
        {
            "model": model,
            "seconds_per_clip": cost,
            "real_time_factor": cost,
            "peak_memory_bytes": None,
            "function_evals": 4,
        }
        for model, cost in (("good", 2.0), ("bad", 1.0))
    ]
    (folder / "summary.json").write_text(json.dumps(summary))
    frames = np.zeros((50, 64, 64, 3), np.uint8)
    for k, frame in enumerate(frames):
        frame[:, k : k + 14] = 200
    tone = np.sin(np.arange(32_000) * 0.1).astype(np.float32)[None] / 2
    media.write(folder / "c.mp4", frames, Fraction(25), tone, 16_000)
    sweeps = [read_sweep(f"results/{name}.json") for name in ("fusion", "mouth-loss")]
    votes = fit_votes(simulated({"good": 0.5, "bad": -0.5}))
    return write_html(folder, reported="results/as-reported.toml", sweeps=sweeps, votes=votes, workers=0).parent


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, pages):
    """Opens a page of the report; afterwards, nothing may have been complained of, asked for, or popped up."""
    seen, contexts = [], []

    def go(name="index.html", search="", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        # Chromium itself stops reading a clip that it has enough of; what is not there fails in other ways.
        page.on("requestfailed", lambda r: r.failure == ABORTED or seen.append(f"failed: {r.url} {r.failure}"))
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or seen.append(f"asked: {r.url}"))
        page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto((pages / name).as_uri() + search)
        return page

    yield go
    for context in contexts:
        for page in context.pages:
            page.evaluate("0")  # What the page has said until now is here with the answer.
    # A clip that is still being read when its page closes is a failed request, and no complaint.
    said = list(seen)
    for context in contexts:
        context.close()
    assert said == []


def column(page, place=0):
    """The shown models of the leaderboard in order, each group apart, with the text of one column."""
    return page.locator("#board tbody").evaluate_all(
        "(bodies, place) => bodies.map((body) => [...body.rows].filter((r) => r.dataset.model && !r.hidden).map((r) => "
        "[r.cells[0].textContent.trim(), r.querySelector(`[data-column='${place}'] .value`).textContent]))",
        place,
    )


def test_the_leaderboard_sorts_by_any_column_within_its_groups(visit):
    page = visit()
    assert column(page) == [[["good", "14.5"], ["bad", "8.0"]], [["real", "44.5"], ["still", "undefined"]]]
    header = page.locator("#board th[data-column='0']")
    header.get_by_role("button").click()  # More is better: best first.
    assert header.get_attribute("aria-sort") == "descending"
    assert [row[0] for row in column(page)[0]] == ["good", "bad"]
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    # What has no value stands last either way.
    assert [[row[0] for row in group] for group in column(page)] == [["bad", "good"], ["real", "still"]]
    page.locator("#families label", has_text="Cost").click()
    page.get_by_role("button", name="Seconds per clip").click()
    assert [row[0] for row in column(page)[0]] == ["bad", "good"]
    assert page.locator("#board [aria-sort]").count() == 1
    page.locator("#board").get_by_role("button", name="Model").click()
    assert [[row[0] for row in group] for group in column(page)] == [["bad", "good"], ["real", "still"]]


def test_slices_models_and_families_filter(visit):
    page = visit()
    label = page.locator("#slice option", has_text="red (10)").text_content()
    page.locator("#slice").select_option(label=label)
    # Ten prompts: 0 to 9; of bad seven have a value, 3 / 2 to 9 / 2.
    assert column(page) == [[["good", "4.5"], ["bad", "3.0"]], [["real", "34.5"], ["still", "undefined"]]]
    cell = page.locator("#board tr[data-model='1'] [data-column='0']")
    assert cell.locator(".count").text_content() == "7 ok, 3 undefined"
    assert page.locator("#range").text_content() == "1–10 of 10, hair=red"
    page.locator("#models label", has_text="bad").click()
    assert [row[0] for row in column(page)[0]] == ["good"]
    assert page.locator("#clips thead th").all_text_contents() == ["Prompt", "good", "real", "still"]
    page.locator("#slice").select_option("0")
    assert column(page)[0] == [["good", "14.5"]]
    assert page.locator("#board td[data-family='Cost']").first.is_hidden()
    page.locator("#families label", has_text="Cost").click()
    assert page.locator("#board td[data-family='Cost']").first.is_visible()
    assert page.locator("#board td[data-family='Other']").first.is_hidden()
    page.locator("#families label", has_text="All").click()
    assert page.locator("#board td[data-family='Other']").first.is_visible()


def test_prompts_are_found_sorted_and_turned_by_the_page(visit):
    page = visit()
    ids = page.locator("#clips tbody th a")
    assert ids.all_text_contents() == [f"p{i:02d}" for i in range(25)]
    page.locator("#later").click()
    assert ids.all_text_contents() == [f"p{i:02d}" for i in range(25, 30)]
    page.locator("#shown").select_option(label="score")
    page.locator("#clips th", has_text="good").get_by_role("button").click()
    page.locator("#clips th", has_text="good").get_by_role("button").click()
    assert ids.first.text_content() == "p29"
    assert page.locator("#clips tbody tr").first.locator(".value").all_text_contents() == [
        "29",
        "14.5",
        "59",
        "undefined",
    ]
    page.locator("#find").fill("p07 WORD")
    assert ids.all_text_contents() == ["p07"]
    ids.first.click()
    assert page.locator("h1").text_content() == f"say word 7 {HOSTILE}"


POINTS = """(values) => values.map((value) => {
  const text = value.firstChild, range = document.createRange(), whole = text.data.split(".")[0].length;
  range.setStart(text, 0);
  range.setEnd(text, whole);
  return [text.data, range.getBoundingClientRect().right];
})"""
"""Texts, and right ends of what stands before their decimal points."""


def test_decimal_points_of_a_column_stand_below_each_other(visit):
    page = visit(search="?show=score&metrics=Cost")
    values = page.locator("#clips tbody tr td:nth-child(3) .value:not(.none)").evaluate_all(POINTS)
    assert {"1.50", "2", "10.5"} <= {text for text, _ in values}
    ends = [end for _, end in values]
    assert max(ends) - min(ends) < 1


def shown(page):
    """What the first page shows of the reader's choices."""
    return {
        "board": page.locator("#board tr:visible").all_inner_texts(),
        "prompts": page.locator("#clips tr").all_inner_texts(),
        "range": page.locator("#range").text_content(),
        "lists": page.locator("select").evaluate_all("(all) => all.map((one) => one.selectedOptions[0].text)"),
        "find": page.locator("#find").input_value(),
        "sorted": page.locator("[aria-sort]").evaluate_all("(all) => all.map((e) => [e.innerText, e.ariaSort])"),
    }


def test_the_address_shows_the_same_view_again_and_the_back_button_the_one_before(visit):
    page = visit()
    steps = [shown(page)]
    blue = page.locator("#slice option", has_text="blue (20)").text_content()
    for step in (
        lambda: page.locator("#slice").select_option(label=blue),
        lambda: page.locator("#models label", has_text="still").click(),
        lambda: page.locator("#families label", has_text="All").click(),
        lambda: page.locator("#board th[data-column='0'] button").click(),
        lambda: page.locator("#board th[data-column='0'] button").click(),
        lambda: page.locator("#shown").select_option(label="other"),
        lambda: page.locator("#clips th", has_text="bad").get_by_role("button").click(),
        lambda: page.locator("#quality").select_option(label="other"),
    ):
        step()
        steps.append(shown(page))
        assert steps[-1] != steps[-2]
    address = page.url
    again = visit(search="?" + address.split("?")[1])
    assert shown(again) == steps[-1]
    again.locator("#find").fill("p2")  # Typing is no step of its own.
    assert "find=p2" in again.url
    again.close()
    for before in reversed(steps[:-1]):
        page.go_back()
        assert shown(page) == before
    assert "?" not in page.url
    for _ in steps[1:]:
        page.go_forward()
    assert page.url == address
    assert shown(page) == steps[-1]


def test_an_address_of_another_run_shows_what_this_one_has(visit):
    page = visit(search="?prompts=hair%3Dgreen&model=nobody&sort=FVD+ascending&metrics=Faces&from=x&find=%3Cb%3E")
    assert column(page) == [[["good", "14.5"], ["bad", "8.0"]], [["real", "44.5"], ["still", "undefined"]]]
    assert page.locator("#families input:checked").count() == 1
    assert page.locator("#range").text_content() == "none"
    assert page.locator("#find").input_value() == "<b>"
    page = visit(search="?from=26&model=good&model=nobody")
    assert page.locator("#range").text_content() == "26\u201330 of 30"
    assert page.locator("#clips thead th").all_text_contents() == ["Prompt", "good"]


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


def test_keys_of_the_first_page(visit):
    page = visit()
    focused = "document.activeElement.textContent"
    for key, prompt in (("n", "p00"), ("n", "p01"), ("p", "p00"), ("p", "p00")):
        page.keyboard.press(key)
        assert page.evaluate(focused) == prompt
    page.locator("#clips tbody th a").last.focus()
    page.keyboard.press("n")
    assert page.evaluate(focused) == "p25"
    page.keyboard.press("p")
    assert page.evaluate(focused) == "p24"
    page.keyboard.press("/")
    page.keyboard.type("p/n?")  # These are letters here, and no keys.
    assert page.locator("#find").input_value() == "p/n?"
    assert page.locator("#keys").is_hidden()
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Close").press("Enter")
    assert page.locator("#keys").is_hidden()


def test_plots_are_drawn_when_they_come_near_and_follow_the_choices(visit):
    page = visit(viewport={"width": 1280, "height": 300})
    page.locator("#plots").scroll_into_view_if_needed()
    page.locator("#plot-cost .main-svg").first.wait_for()
    page.locator("#plot-spread .main-svg").first.wait_for()
    traces = "(element) => element.data.map((trace) => [trace.name, trace.y.length])"
    assert page.locator("#plot-cost").evaluate(traces) == [["good", 1], ["bad", 1]]
    lines = page.locator("#plot-cost").evaluate("(element) => element.layout.shapes.length")
    assert lines == 1  # real; still has no value
    assert page.locator("#plot-spread").evaluate(traces) == [["good", 30], ["bad", 27], ["real", 30], ["still", 0]]
    page.locator("#models label", has_text="good").click()
    assert page.locator("#plot-spread").evaluate(traces) == [["bad", 27], ["real", 30], ["still", 0]]
    page.locator("#quality").select_option(label="other")
    page.locator("#cost").select_option(label="Function evaluations")
    assert page.locator("#plot-cost").evaluate("(e) => [e.data[0].x[0], e.data[0].y[0]]") == [4, 1.5]


@pytest.mark.parametrize("width", [1280, 375])
def test_trainings_of_an_arm_stand_side_by_side_under_their_names(visit, width):
    page = visit(viewport={"width": width, "height": 700})
    first = page.locator("#sweeps [data-figure]").first
    first.scroll_into_view_if_needed()
    first.locator(".main-svg").first.wait_for()
    record = json.loads(Path("results/fusion.json").read_text())
    rows = [row for row in record["values"] if row["identity"] == record["metrics"][0]["identity"]]
    shown = first.evaluate("(one) => one.data.map((trace) => [trace.name, trace.y])")
    for name, values in shown:
        wanted = [
            row["value"] for row in rows if f"training seed {row['training_seed']}" == name and not row["control"]
        ]
        assert sorted(value for value in values if value is not None) == sorted(wanted)
    places = first.evaluate("(one) => one.data.map((trace) => trace.x[0])")
    assert len(set(places)) == len(places) > 1
    assert all(abs(place) < 0.5 for place in places)  # All under the name of the first arm.
    legend = page.locator("#sweeps .series").first
    assert legend.locator("li").all_text_contents() == [
        "\u25cf training seed 0",
        "\u25a0 training seed 1",
        "\u25c6 training seed 2",
    ]


OVERLAPS = """(plot) => {
  const texts = [...plot.querySelectorAll(".annotation-text, .xtick text, .ytick text, .xtitle, .ytitle")];
  const boxes = texts.filter((one) => one.textContent).map((one) => [one.textContent, one.getBoundingClientRect()]);
  const card = plot.closest("figure").getBoundingClientRect();
  const meet = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
  return [
    boxes.length,
    boxes.flatMap((one, k) => boxes.slice(k + 1).filter((b) => meet(one, b)).map((b) => [one[0], b[0]])),
    boxes.filter(([, b]) => b.left < card.left || b.right > card.right || b.bottom > card.bottom).map((b) => b[0]),
  ];
}"""
"""Number of labels of a plot, those that lie on each other, and those that are cut."""


@pytest.mark.parametrize("width", [1280, 375])
def test_labels_of_plots_lie_on_no_other(visit, width):
    page = visit(viewport={"width": width, "height": 700})
    curve = page.locator("#sweeps > .plots").last.locator(".plot").first
    for plot in (page.locator("#plot-cost"), curve):
        plot.scroll_into_view_if_needed()
        plot.locator(".annotation-text").first.wait_for()
        count, *wrong = plot.evaluate(OVERLAPS)
        assert count > 5
        assert wrong == [[], []]


def test_curves_stand_with_their_verdicts_and_what_says_nothing_is_folded(visit):
    page = visit()
    record = json.loads(Path("results/fusion.json").read_text())
    identity = record["metrics"][0]["identity"]
    said = page.locator("#sweeps .verdicts").first.locator("li")
    assert said.locator("b").all_text_contents() == ["fusion=cross", "fusion=none"]
    assert said.locator("span:last-child").all_text_contents() == [
        one["text"] for one in record["claims"] if one["identity"] == identity
    ]
    silent = page.locator("#sweeps details").last
    assert silent.locator("summary").text_content() == "No arm is better or worse: WER (embedded)"
    silent.locator("summary").click()
    silent.locator(".main-svg").first.wait_for()
    box = silent.locator(".main-svg").first.bounding_box()
    assert box["width"] == pytest.approx(silent.locator(".plot").bounding_box()["width"], abs=1)


def test_votes_stand_beside_the_leaderboard(visit):
    page = visit()
    rows = page.locator("#votes table").first.locator("tbody tr")
    assert rows.locator("th").all_text_contents() == ["good", "bad"]
    page.locator("#plots").scroll_into_view_if_needed()
    figure = page.locator("#plots [data-figure]").last
    figure.locator(".main-svg").first.wait_for()
    shown = [round(y) for y in figure.evaluate("(one) => one.data[0].y")]
    assert [cell.split()[0] for cell in rows.locator("td:nth-child(2)").all_text_contents()] == list(map(str, shown))


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
    page.get_by_role("button", name="Play all").click()
    seen = np.array(videos.evaluate_all(WATCH, 1.2))
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
    assert page.url.endswith("?hear=still")
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
    assert page.url.endswith("0001.html?hear=real")  # No prompt is before the first.


FOCUSABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, select, input, [tabindex='0'], summary")];
  const reachable = (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility() && (e.type !== "radio" || e.checked);
  return all.filter(reachable).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement, style = (one) => getComputedStyle(one).outlineStyle;
  return { place: [...document.querySelectorAll("*")].indexOf(e), body: e === document.body,
           shown: style(e) !== "none" || (e.nextElementSibling && style(e.nextElementSibling) !== "none") };
}"""


@pytest.mark.parametrize("name", ["index.html", "prompts/0002.html"])
def test_the_keyboard_reaches_everything_and_is_seen(visit, name):
    page = visit(name)
    expected = page.evaluate(FOCUSABLE)
    places = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["shown"]
        places.append(focused["place"])
    assert len(set(places)) == expected
    assert places == sorted(places)  # in reading order


@pytest.mark.parametrize("name", ["index.html", "prompts/0001.html"])
def test_a_phone_shows_everything_without_scrolling_sideways(visit, name):
    page = visit(name, viewport={"width": 375, "height": 812})
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 376 && "
        "e.checkVisibility() && !e.closest('.scroll')).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    sizes = page.locator("select:visible, button:visible").evaluate_all(
        "(all) => all.filter((e) => !e.closest('th')).map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 32


def test_colours_follow_the_scheme(visit):
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit(color_scheme=scheme).evaluate(paper) for scheme in ("light", "dark"))
    assert light != dark


def test_nothing_is_read_before_it_is_near(visit):
    page = visit("prompts/0001.html", viewport={"width": 375, "height": 300})
    preload = page.locator("video").evaluate_all("(all) => all.map((v) => v.preload)")
    assert preload[-1] == "none"
    page.locator("video").last.scroll_into_view_if_needed()
    page.locator("video[preload=metadata]").last.wait_for()
    assert page.locator("video").last.evaluate(
        "(v) => v.readyState > 0 || new Promise((done) => v.addEventListener('loadedmetadata', () => done(true)))"
    )
