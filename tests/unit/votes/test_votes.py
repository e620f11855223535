"""Votes of raters with known preferences come back; raters that guess are left out; bad files are one line."""

import json

import numpy as np
import pytest
from scipy import stats

import jova_bench
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.votes import tables
from jova_bench.votes.fit import CENTRE, PER_UNIT, fit_votes
from jova_bench.votes.plan import Design, plan_votes, power_of
from jova_bench.votes.reading import read_votes
from support.voting import put_votes, simulated, vote

STRENGTHS = {"ovi": 0.7, "jova": 0.0, "mova": -0.7}


@pytest.fixture(scope="module")
def fits():
    return [fit_votes(simulated(STRENGTHS, seed=seed)).questions[0] for seed in range(30)]


def test_strengths_of_simulated_raters_come_back_within_their_intervals(fits):
    held, errors = [], []
    for one in fits:
        for row in one.models:
            truth = CENTRE + PER_UNIT * STRENGTHS[row.model]
            held.append(row.ci[0] <= truth <= row.ci[1])
            errors.append(row.rating - truth)
    # Nominal 95 % of 90 intervals, of which each three are of one data set.
    assert np.mean(held) >= 0.88
    assert abs(np.mean(errors)) < 5
    assert np.mean([one.ci[1] - one.ci[0] for fit in fits for one in fit.models]) < 120  # 0.35 either way.


def test_a_question_says_all_that_it_rests_on(fits):
    one = fits[0]
    assert (one.votes, one.raters, one.prompts, one.broken, one.reason) == (600, 20, 30, 0, None)
    assert [row.model for row in one.models] == ["ovi", "jova", "mova"]
    assert [row.rank for row in one.models] == [(1, 1), (2, 2), (3, 3)]
    assert sum(row.wins for row in one.models) == sum(row.losses for row in one.models)
    assert sum(row.rating for row in one.models) == pytest.approx(3 * CENTRE)
    assert one.left_ci[0] < 0.5 < one.left_ci[1]
    (last,) = [pair for pair in one.pairs if {pair.a, pair.b} == {"ovi", "mova"}]
    assert last.difference == pytest.approx(-250, abs=80)  # mova less ovi; the truth is -243.
    assert last.p <= last.p_holm < 0.001


def test_raters_that_fail_the_checks_are_reported_and_left_out():
    votes = simulated(STRENGTHS)
    guessed = [one.model_copy(update={"rater": "guesser", "answer": "left"}) for one in votes[:30]]
    checks = [("r0", "left"), ("r1", "left"), ("guesser", "right"), ("guesser", "same"), ("guesser", "left")]
    asked = [vote(r, f"c{k}", "real", "still", a, expected="left") for k, (r, a) in enumerate(checks)]
    asked.append(vote("r1", "c9", "still", "real", "broken", expected="right"))
    found = fit_votes([*votes, *guessed, *asked])
    assert found.questions == fit_votes(votes).questions
    assert {one.rater: (one.votes, one.passed, one.checks, one.kept) for one in found.raters} == {
        "guesser": (30, 1, 3, False),
        **{f"r{k}": (30, int(k < 2), int(k < 2), True) for k in range(20)},
    }
    text = tables.markdown(found)
    assert "21 raters; left out: guesser (1 of 3 right); 18 without checks." in text
    assert found.rule in text


def test_what_has_no_rating_says_why_and_shows_none():
    always = [vote(f"r{k % 3}", f"p{k}", "a", "b", "left") for k in range(9)]
    other = [vote("ann", f"p{k}", "a", "b", "left" if k % 3 else "right", question="speech") for k in range(9)]
    found = fit_votes([*always, *other, vote("ann", "p0", "a", "b", "broken", question="picture")])
    reasons = {one.question: one.reason for one in found.questions}
    assert reasons == {
        "sync": "a never lost to b, so that the difference has no upper limit",
        "speech": "no intervals over raters and prompts: expected at least 2 clusters of each kind, got 1 and 9",
        "picture": "no vote counts",
    }
    assert all(row.rating is None for one in found.questions for row in one.models)
    assert "undefined" in tables.markdown(found)
    assert found.table()["rating"].isna().all()


def test_a_plan_has_its_power():
    # Two models without ties or likeness of votes, and so many raters that t is the normal distribution.
    design = Design(same=0.0, rater_rho=0.0, prompt_rho=0.0, per_rater=1, per_prompt=1)
    votes = plan_votes([0.6], design).rows[0].votes
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert votes == pytest.approx(z**2 / (0.24 * np.log(1.5) ** 2), rel=0.02)
    # Simulated: as many votes as planned find the preference in about four sets of five.
    crowd = Design(same=0.2, rater_rho=0.0, prompt_rho=0.0, per_rater=20, per_prompt=4)
    (row,) = plan_votes([0.7], crowd).rows
    half = np.log(0.7 / 0.3) / 2
    tie = 0.25 * (np.exp(half) + np.exp(-half))  # A fifth of all votes.
    told = [
        fit_votes(simulated({"a": half, "b": -half}, row.raters, row.prompts, 20, tie, seed)).questions[0].pairs[0].p
        <= 0.05
        for seed in range(60)
    ]
    assert 0.65 <= np.mean(told) <= 0.97
    assert power_of(row.votes, 0.7, crowd) >= 0.8 > power_of(row.votes - 1, 0.7, crowd)


def test_first_votes_measure_what_a_plan_assumes():
    # Every rater has one preference of its own: votes of a rater are all alike.
    votes = [vote(f"r{r}", f"p{p}", "a", "b", ("left", "right")[r % 2]) for r in range(10) for p in range(6)]
    found = plan_votes(pilot=votes).design
    assert (found.same, found.rater_rho, found.prompt_rho) == (0.0, 0.99, 0.0)
    more = plan_votes([0.7], pilot=simulated(STRENGTHS)).design
    assert more.rater_rho < 0.1
    with pytest.raises(BenchError, match="expected first votes with votes of several raters on one prompt"):
        plan_votes(pilot=votes[:1])
    assert plan_votes([0.6], Design(models=4)).rows[0].total == 6 * plan_votes([0.6], Design(models=4)).rows[0].votes
    far = plan_votes([0.51], Design(rater_rho=0.9, per_rater=10_000))
    assert (far.rows[0].votes, "| 51%" in far.markdown(), "more than 10,000,000" in far.markdown()) == (
        None,
        True,
        True,
    )
    needed = [one.votes for one in plan_votes([0.8, 0.9, 0.95, 0.99, 0.999999]).rows]
    assert needed == sorted(needed, reverse=True)


def test_commands_print_what_the_functions_return(tmp_path, capsys):
    votes = simulated(STRENGTHS)
    one = put_votes(tmp_path / "one.jsonl", votes[:400])
    two = put_votes(tmp_path / "two.jsonl", votes[300:])
    found = fit_votes(votes)
    for form, view in tables.VIEWS.items():
        assert main(["votes", "fit", str(one), str(two), "--format", form]) == 0
        assert capsys.readouterr().out == view(found)
    assert jova_bench.fit_votes([one, two]) == found
    assert main(["votes", "plan", str(one), str(two), "--prefer", "0.6", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["pilot"]
    assert shown["rows"][0]["votes"] == plan_votes([0.6], pilot=votes).rows[0].votes
    assert main(["votes", "plan"]) == 0
    assert "assumed" in capsys.readouterr().out


GOOD = {"rater": "ann", "prompt_id": "p", "question": "sync", "left": "a", "right": "b", "answer": "left"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([GOOD | {"answer": "both"}], "x.jsonl:1: answer: expected 'left', 'right', 'same' or 'broken', got 'both'"),
        ([GOOD, GOOD | {"right": "a"}], "x.jsonl:2: right: expected another model than on the left, got 'a' on both"),
        ([GOOD | {"colour": "red"}], "x.jsonl:1: colour: unknown field"),
        ([GOOD, GOOD | {"left": "b", "right": "a"}], "x.jsonl:2: expected one answer of 'ann' on 'sync' of a and b"),
        (
            [GOOD | {"expected": "left"}, GOOD | {"expected": "right"}],
            "x.jsonl:2: expected one right answer (`expected`) of 'ann' on 'sync' of a and b at prompt 'p'",
        ),
        ([GOOD, GOOD | {"expected": "left"}], "x.jsonl:2: expected one right answer (`expected`) of 'ann'"),
        ([], "expected votes, got none in"),
        ([GOOD | {"expected": "left"}], "expected votes, got answers to attention checks alone"),
        (["["], "x.jsonl:1: expected JSON"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, capsys, lines, said):
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    assert main(["votes", "fit", str(path)]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert said in out.err
    assert out.err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--prefer", "0.5"], "above 0.5 and below 1, got 0.5"),
        (["--power", "1"], "expected --power from 0.05 to below 1, got 1.0"),
        (["--models", "1"], "expected --models of at least 2, got 1"),
    ],
)
def test_a_plan_of_nothing_is_one_line(capsys, flags, said):
    assert main(["votes", "plan", *flags]) == 2
    assert said in capsys.readouterr().err


def test_the_same_vote_from_either_side_counts_once(tmp_path):
    turned = GOOD | {"left": "b", "right": "a", "answer": "right"}
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, (GOOD, turned, GOOD))))
    assert len(read_votes([path])) == 1
    checks = [GOOD | {"expected": "left"}, turned | {"expected": "right"}]  # One right answer from either side.
    path.write_text("\n".join(map(json.dumps, checks)))
    assert len(read_votes([path])) == 1
