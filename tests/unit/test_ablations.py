"""What the pages claim of JoVA's design is what the tables of the sweeps allow."""

import re

import numpy as np
import pytest
from scipy import stats

from jova_bench.comparison.verdicts import Comparison
from jova_bench.report.curves import curves
from jova_bench.sweep.claims import PairOfTrainings, claim
from jova_bench.sweep.tables import LOST
from support.committed import data, rows, text
from support.specs import clip_spec

ROWS = {
    "lambda 5 gives better": ("mouth-loss", "mouth_weight=0"),
    "lambda 0 stays behind": ("mouth-curve", "mouth_weight=0"),
    "it is the mouth": ("mouth-loss", "mouth_box=off"),
    "video and audio have to meet": ("fusion", "fusion=none"),
    "joint self-attention": ("cross", "fusion=cross"),
    "positions have to be aligned": ("positions", "positions=independent"),
    "the more weight, the better": ("mouth-loss", "mouth_weight=10"),
    "audio and text may not lie": ("positions", "positions=offset"),
}
"""Rows of `docs/ablations.md` that compare one arm with the base."""
QUOTED = {
    "lambda 0": ("mouth-loss", "mouth_weight=0"), "lambda 5": ("mouth-loss", "base"), "joint's": ("fusion", "base"),
    "none": ("fusion", "fusion=none"), "cross": ("cross", "fusion=cross"), "joint": ("cross", "base"),
    "independent": ("positions", "positions=independent"), "off the picture": ("positions", "positions=offset"),
    "aligned on it": ("positions", "base"), "off the mouth": ("mouth-loss", "mouth_box=off"),
    "lambda 2": ("mouth-loss", "mouth_weight=2"), "lambda 10": ("mouth-loss", "mouth_weight=10"),
    "without weight": ("mouth-curve", "mouth_weight=0"), "with it": ("mouth-curve", "base"),
    "LSE-C is": ("words", "words=free"),
}  # fmt: skip
"""Arms whose LSE-C by judge a stands in those rows as `name: least to greatest`."""


def is_lse_c_a(row):
    return row["metric"] == "lse_c" and "syncnet-a" in row["identity"]


@pytest.mark.parametrize("begins", ROWS)
def test_a_claim_is_shown_only_where_the_tables_make_one(begins):
    (row,) = [row for row in rows(text("docs/ablations.md")) if row[0].startswith(begins)]
    name, arm = ROWS[begins]
    (claim,) = [one for one in data(name)["claims"] if one["arm"] == arm and is_lse_c_a(one)]
    assert row[2].startswith({
        "worse": "shown, at this budget", "better": "the opposite shown for lip-sync, at this budget",
        "no claim": "no claim",
    }[claim["verdict"]])  # fmt: skip


SWEEPS = ("fusion", "guidance", "mouth-curve", "mouth-loss", "positions", "steps", "words")


@pytest.mark.parametrize("name", SWEEPS)
def test_claims_are_what_their_pairs_say(name):
    record = data(name)
    specs = {
        one["identity"]: clip_spec(one["metric"]).model_copy(update={"direction": one["direction"]})
        for one in record["metrics"]
    }
    pairs = {}
    for row in record["pairs"]:
        spec, lost = specs[row["identity"]], int("lost" in (row["reason"] or ""))
        shown = row["p_holm"] is not None and row["p_holm"] <= 0.05
        favours = ("b" if (row["difference"] > 0) == (spec.direction == "up") else "a") if shown else None
        assert row["verdict"] == (
            "worse" if lost or favours == "a" else "better" if favours else "no difference shown"
        )  # fmt: skip
        compared = Comparison("m", spec, row["verdict"], delta=row["difference"], lost=lost, favours=favours)
        pair = PairOfTrainings(row["arm"], row["training_seed"], row["base_seed"], compared)
        pairs.setdefault((row["arm"], row["identity"]), []).append(pair)
    page = rows(text(f"results/{name}.md"))
    assert len(pairs) == len(record["claims"])
    for one in record["claims"]:
        found = claim(pairs[one["arm"], one["identity"]])
        assert (found.verdict, found.text) == (one["verdict"], one["text"])
        assert [one["arm"], one["text"]] in [[row[0], row[-1]] for row in page]
    assert (LOST in text(f"results/{name}.md")) == any(pair.comparison.lost for some in pairs.values() for pair in some)


def test_cross_attention_is_better_and_worse_by_what_the_table_says():
    (row,) = [row for row in rows(text("docs/ablations.md")) if row[0].startswith("joint self-attention")]
    claims = data("cross")["claims"]
    (lse_c,) = [claim for claim in claims if is_lse_c_a(claim)]
    (wer,) = [claim for claim in claims if claim["metric"] == "wer"]
    for one, verdict in ((lse_c, "better"), (wer, "worse in WER")):
        lo, hi = one["over_trainings"]["ci"]
        assert f"{verdict} by {one['over_trainings']['delta']:.3f} [{lo:.3f}, {hi:.3f}]" in row[1]
    assert f"(p {wer['over_trainings']['p_holm']:.3f})" in row[1]
    assert {claim["metric"]: claim["verdict"] for claim in claims} == dict.fromkeys(
        ("lse_c", "lse_d", "sync_within_1", "mouth_audio_corr"), "better"
    ) | {"wer": "worse"}
    assert row[2].endswith("; shown for WER")
    worst = max(claim["over_trainings"]["p_holm"] for claim in claims if claim["verdict"] == "better")
    assert f"(p at most {worst:.3f})" in row[1]
    arms = data("cross")["arms"]
    parameters, minutes = (
        [np.mean([one[name] for one in arms if one["arm"] == arm]) for arm in ("base", "fusion=cross")]
        for name in ("parameters", "cpu_minutes")
    )
    (joint, cross), (short, long) = parameters, minutes
    assert f"; {cross:,.0f} parameters against {joint:,.0f}, {100 * (cross / joint - 1):.2f} % more" in row[1]
    assert f"and {100 * (long / short - 1):.0f} % more CPU time" in row[1]


def test_the_power_of_19_trainings_is_what_the_page_says():
    # Student's t of two groups of n trainings: power .8 at a difference d where the noncentral t with
    # d / (s sqrt(2 / n)) is above the two-sided 5 % bound with probability .8.
    arms = ("base", "fusion=cross")
    found = [[row["value"] for row in data("cross")["values"] if row["arm"] == arm and is_lse_c_a(row)] for arm in arms]
    assert [len(values) for values in found] == [19, 19]
    deviation = np.sqrt(np.mean([np.var(values, ddof=1) for values in found]))
    bound = stats.t.ppf(0.975, 2 * 19 - 2)

    def power(difference):
        return stats.nct.sf(bound, 2 * 19 - 2, difference / (deviation * np.sqrt(2 / 19)))

    assert power(0.0125) > 0.8 > power(0.0115)
    page = re.sub(r"\s+", " ", text("docs/ablations.md"))
    assert "19 a side find a difference of 0.012 in LSE-C with a power of 0.8" in page


def test_learning_curves_are_those_of_the_table():
    (row,) = [row for row in rows(text("docs/ablations.md")) if row[0].startswith("lambda 0 stays behind")]
    arms = {
        "without": ("mouth_weight=0, steps=2500", "mouth_weight=0, steps=5000", "mouth_weight=0"),
        "with it": ("steps=2500", "steps=5000", "base"),
    }
    for side, names in arms.items():
        for chosen, digits in ((is_lse_c_a, 3), (lambda one: one["metric"] == "mouth_audio_corr", 2)):
            values = data("mouth-curve")["values"]
            found = [
                f"{one['value']:.{digits}f}"
                for name in names
                for one in values
                if one["arm"] == name and one["training_seed"] == 0 and chosen(one)
            ]
            assert re.search(rf"\b{found[0]}, {found[1]} and {found[2]} {side}", row[1]), (side, found)
    for seed, said in ((1, "seed 1 has sync within 1 of {} and mouth-audio corr of {}"), (2, "seed 2 {} and {}")):
        of_seed = [one for one in values if one["arm"] == "mouth_weight=0" and one["training_seed"] == seed]
        (sync,) = [one for one in of_seed if one["metric"] == "sync_within_1" and "syncnet-a" in one["identity"]]
        (corr,) = [one for one in of_seed if one["metric"] == "mouth_audio_corr"]
        lo, hi = sync["interval"]
        assert said.format(f"{sync['value']:.2f} [{lo:.2f}, {hi:.2f}]", f"{corr['value']:.2f}") in row[1]
    claims = [claim for claim in data("mouth-curve")["claims"] if claim["arm"] == "mouth_weight=0"]
    assert {claim["verdict"] for claim in claims if claim["metric"] != "wer"} == {"worse"}
    assert {claim["verdict"] for claim in claims if claim["metric"] == "wer"} == {"no difference shown"}


@pytest.mark.parametrize("name", ["cross", *SWEEPS])
def test_pictures_of_sweeps_are_those_of_their_values(name):
    assert text(f"results/{name}.svg") == curves(data(name))


@pytest.mark.parametrize("name", ["cross", "fusion", "mouth-curve", "mouth-loss", "positions", "words"])
def test_the_page_of_claims_links_each_picture_beside_its_table(name):
    assert f"[{name}](../results/{name}.md) ([picture](../results/{name}.svg))" in text("docs/ablations.md")


def test_the_command_of_the_mouths_table_makes_its_trainings():
    arms = data("mouth-loss")["arms"]
    seeds = ",".join(map(str, sorted({arm["training_seed"] for arm in arms})))
    minutes = round(sum(arm["cpu_minutes"] for arm in arms))
    (line,) = [one for one in text("docs/ablations.md").splitlines() if one.startswith("jova-bench sweep mouth-loss")]
    assert f"--seeds {seeds} " in line
    assert f"{len(arms)} trainings ({minutes} CPU-minutes in their steps)" in line


@pytest.mark.parametrize("quoted", QUOTED)
def test_ranges_over_trainings_are_those_of_the_tables(quoted):
    name, arm = QUOTED[quoted]
    found = [row["value"] for row in data(name)["values"] if row["arm"] == arm and is_lse_c_a(row)]
    said = re.findall(rf"\b{quoted}:? (0\.\d+) to (0\.\d+)", text("docs/ablations.md"))
    assert said == [(f"{min(found):.3f}", f"{max(found):.3f}")] * len(said) != []


@pytest.mark.parametrize("page", ["docs/ablations.md", "results/training.md"])
def test_what_times_of_words_do_to_wer_is_what_the_table_says(page):
    found = {
        arm: [row["value"] for row in data("words")["values"] if row["arm"] == arm and row["metric"] == "wer"]
        for arm in ("base", "words=free")
    }
    assert {len(values) for values in found.values()} == {3}
    (claim,) = [one for one in data("words")["claims"] if one["metric"] == "wer"]
    assert claim["verdict"] == "worse"
    said = re.sub(r"\s+", " ", text(page))
    for values in found.values():
        assert f"{min(values):.3f} to {max(values):.3f}" in said
