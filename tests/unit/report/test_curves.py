"""The static picture of a sweep: what stands where, read from the SVG."""

import json
import re
from itertools import combinations, product
from xml.etree import ElementTree

import pytest

from jova_bench.report.arms import placed
from jova_bench.report.curves import COLOURS, INK, curves, nice_ticks
from jova_bench.sweep import picture
from support.shown import ROOT
from support.sweeps import SWEEP, value

SVG = "{http://www.w3.org/2000/svg}"


def sweep(base, factors, one_factor=False):
    """A grid of these values, or one factor at a time; each arm's value is its place in the list, over 8."""
    points = list(product(*factors.values()))
    arms = []
    for point in points:
        changed = {name: one for name, one in zip(factors, point, strict=True) if one != base[name]}
        if not one_factor or len(changed) < 2:
            arms.append({"arm": ", ".join(f"{n}={v}" for n, v in changed.items()) or "base", "changed": changed})
    values = [value(one["arm"], 0, place / 8, None) for place, one in enumerate(arms)]
    return SWEEP | {"base": base, "arms": arms, "values": [*values, value("shuffled", None, 0.5, None, control=True)]}


CURVE = sweep({"weight": 5.0, "steps": 10000}, {"weight": (0.0, 5.0), "steps": (2500, 5000, 10000)})
WORDS = sweep({"fusion": "joint", "positions": "aligned"},
              {"fusion": ("joint", "cross", "none"), "positions": ("aligned", "independent")})  # fmt: skip


def boxes(svg):
    """(text, left, top, right, bottom) of every text, with letters of 6.2 px, 7.6 px in titles."""
    found = []

    def walk(element, x, y):
        if moved := re.match(r"translate\((\S+) (\S+)\)", element.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag == f"{SVG}text":
            at, low, anchor = float(element.get("x")), float(element.get("y")), element.get("text-anchor", "start")
            wide = len(element.text) * (7.6 if element.get("font-size") else 6.2)
            before = wide * {"start": 0, "middle": 0.5, "end": 1}[anchor]
            box = (at - before, low - 8, at - before + wide, low + 2)
            if element.get("transform"):  # A quarter to the left: what was before it is below.
                assert anchor == "end"
                box = (at - 8, low, at + 2, low + wide)
            found.append((element.text, x + box[0], y + box[1], x + box[2], y + box[3]))
        for child in element:
            walk(child, x, y)

    root = ElementTree.fromstring(svg)
    walk(root, 0, 0)
    return found, float(root.get("width")), float(root.get("height"))


def committed(name):
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["mouth-curve", "mouth-loss", "fusion", "guidance", "curve", "words"])
def test_no_label_is_cut_or_lies_on_another(name):
    record = {"curve": CURVE, "words": WORDS}.get(name) or committed(name)
    found, width, height = boxes(curves(record))
    for text, left, top, right, bottom in found:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for one, other in combinations(found, 2):
        apart = one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2]
        assert apart, (one, other)


def test_a_sweep_of_steps_is_a_learning_curve_with_a_line_for_each_other_value():
    arms = placed(CURVE)
    assert arms.title == "steps"
    assert dict(arms.lines) == {
        "weight=0": ("weight=0.0, steps=2500", "weight=0.0, steps=5000", "weight=0.0"),
        "weight=5": ("steps=2500", "steps=5000", "base"),
    }
    assert not arms.apart
    svg = curves(CURVE)
    lines = re.findall(r'd="M (\S+) (\S+) L (\S+) (\S+)" stroke="(#\w+)"', svg)
    assert [colour for *_, colour in lines] == [COLOURS[0], COLOURS[0], COLOURS[1], COLOURS[1]]
    xs = [float(x) for x1, _, x2, _, _ in lines[:2] for x in (x1, x2)]
    # Each is twice the one before: 5000 is half of the way from 2500 to 10000, and the axis says so.
    assert xs[1] == xs[2]
    assert (xs[1] - xs[0]) / (xs[3] - xs[0]) == pytest.approx(1 / 2, abs=1e-3)
    assert {"weight=0", "weight=5", "2500", "5000", "10000", "steps (logarithmic)"} <= {
        text for text, *_ in boxes(svg)[0]
    }


def test_numbers_stand_in_true_distances_and_other_arms_apart_from_their_line():
    record = sweep({"weight": 5, "box": "mouth"}, {"weight": (0, 1, 5, 10), "box": ("mouth", "off")}, one_factor=True)
    arms = placed(record)
    assert (arms.title, dict(arms.lines), dict(arms.apart)) == (
        "weight", {"box=mouth": ("weight=0", "weight=1", "base", "weight=10")}, {"box=off": "box=off"},
    )  # fmt: skip
    circles = [(float(x), fill) for x, fill in re.findall(r'<circle cx="(\S+)" .*?fill="(#\w+)"', curves(record))]
    *line, (last, fill) = circles
    assert [colour for _, colour in line] == [COLOURS[0]] * 4
    assert fill == INK
    first, *_, ten = xs = [x for x, _ in line]
    assert [(x - first) / (ten - first) for x in xs] == pytest.approx([0, 0.1, 0.5, 1], abs=2e-3)
    assert last > ten


def test_values_are_drawn_to_scale_and_names_as_texts():
    record = sweep({"weight": 0}, {"weight": (0, 5)})
    record["values"] = [
        value("base", 0, 1.0, (0.5, 1.5)), value("weight=5", 0, 3.0, None), value("weight=5", 1, 2.0, None),
        value("<a> & b", None, 4.0, None, control=True),
    ]  # fmt: skip
    svg = curves(record)
    one, three, two = (float(y) for y in re.findall(r'<circle .*?cy="(\S+)"', svg))
    (four,) = (float(y) for y in re.findall(r'y1="(\S+)" y2="\S+" stroke="#\w+" stroke-dasharray', svg))
    pixel = one - two
    assert pixel > 0  # more is higher
    assert [two - three, three - four] == pytest.approx([pixel, pixel], abs=0.2)
    ((begin, end),) = re.findall(r'd="M \S+ (\S+) L \S+ (\S+)"', svg)
    assert [float(begin), float(end)] == pytest.approx([one, (two + three) / 2], abs=0.2)  # the mean
    ((low, high),) = re.findall(r'd="M \S+ (\S+) V (\S+)"', svg)
    assert [float(low) - one, one - float(high)] == pytest.approx([pixel / 2, pixel / 2], abs=0.2)
    assert "<a> & b" in [text for text, *_ in boxes(svg)[0]]


def test_ticks_are_round_and_span_the_values():
    assert nice_ticks(0.068, 0.435) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert nice_ticks(-3, 12) == [-5, 0, 5, 10, 15]
    assert nice_ticks(1, 1) == [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]


def test_an_arm_without_a_value_breaks_its_line():
    values = [row for row in CURVE["values"] if row["arm"] != "steps=5000"]
    assert curves(CURVE | {"values": values}).count(" L ") == 2


def test_trainings_of_an_arm_stand_side_by_side_with_their_intervals():
    record = sweep({"fusion": "joint"}, {"fusion": ("joint", "none")})
    record["values"] += [value("base", seed, 0.25, (0.1, 0.4)) for seed in (1, 2)]
    svg = curves(record)
    assert svg.count(" V ") == 2
    xs = [float(x) for x in re.findall(r'<circle cx="(\S+)"', svg)]
    assert len(set(xs)) == 4
    assert [text for text, *_ in boxes(svg)[0] if text in ("joint", "none", "fusion")] == ["joint", "none", "fusion"]


@pytest.mark.parametrize("lacks", [{"values": []}, {"metrics": []}, {"values": SWEEP["values"][-1:]}, {"values": [
    row | {"value": None, "interval": None} for row in CURVE["values"]]}])  # fmt: skip
def test_a_sweep_without_values_has_a_picture_that_says_so(lacks):
    found, width, _ = boxes(curves(CURVE | lacks))
    assert [text for text, *_ in found] == ["No metric has a value of any arm: there is", "nothing to draw."]
    assert max(right for *_, right, _ in found) < width


def test_a_picture_is_made_again_from_the_file_alone(tmp_path, capsys):
    words, out = ROOT / "results" / "words.json", tmp_path / "words.svg"
    picture.main([str(words), "--out", str(out)])
    before = out.read_bytes()
    assert before == (ROOT / "results" / "words.svg").read_bytes()
    record = json.loads(words.read_bytes())
    for name, content in (
        ("newer", record | {"schema": 999}),
        ("odd", {"sweep": "odd"}),
        ("cut", record | {"arms": 3}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    for path, said in (
        (tmp_path / "none.json", "expected"),
        (ROOT / "results" / "leaderboard.json", "expected a sweep's results, got another JSON file"),
        (ROOT / "results" / "calibration.json", "expected a sweep's results, got another JSON file"),
        (tmp_path / "newer.json", "expected a sweep's results of schema 1, got 999"),
        (tmp_path / "odd.json", "expected a sweep's results of schema 1, got None"),
        (tmp_path / "cut.json", "expected a sweep's results, got TypeError"),
    ):
        with pytest.raises(SystemExit, match="2"):
            picture.main([str(path), "--out", str(out)])
        assert f"{path}: {said}" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        picture.main([str(words), "--out", "/dev/full/words.svg"])
    assert "expected a folder that can be written, got /dev/full" in capsys.readouterr().err
    assert out.read_bytes() == before
