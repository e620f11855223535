"""The plots of a report in a real browser: they follow the choices, and no label lies on another."""

import json
from pathlib import Path

import pytest


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
