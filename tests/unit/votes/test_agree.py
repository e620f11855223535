"""Metrics agree with votes that were made by their values, contradict those made against them, and else say why not."""

import json

import numpy as np
import pytest

import jova_bench
from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.votes import agreement_tables, orders
from jova_bench.votes.agree import NO_REAL, OF_A_SET, OF_REAL, agree
from jova_bench.votes.reading import read_votes
from support.made_runs import Clips, Spread, ids, made_run, undefined
from support.voting import put_votes, vote

MODELS = {"ovi": 1.0, "jova": 0.0, "mova": -1.0}
PROMPTS = 16


@pytest.fixture(scope="module", autouse=True)
def fewer_resamples():
    """Enough for intervals of what is planted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "RESAMPLES", 40)
        yield


@pytest.fixture(scope="module")
def quality():
    """What people see, by model and prompt."""
    rng = np.random.default_rng(5)
    return {model: level + rng.normal(size=PROMPTS) for model, level in MODELS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, quality):
    """A run with a metric of each kind; `real` stands at 10."""
    rng, values = np.random.default_rng(6), {}
    for model in (*MODELS, "real"):
        seen = quality.get(model, np.full(PROMPTS, 5.0))
        values[model] = {
            "score": list(seen),
            "error": list(-seen),  # Less is better.
            "wrong": list(-seen),
            "noise": list(rng.normal(size=PROMPTS)),
            "near": list(10.0 - (5.0 - seen) * rng.choice([-1, 1], PROMPTS)),  # |value - real| = 5 - seen.
            "lost": [undefined()] * PROMPTS,
            "spread": [[5.0 - one, 0.0] for one in seen],
        }
    metrics = [Clips("score"), Clips("error", direction="down"), Clips("wrong"), Clips("noise")]
    metrics += [Clips("near", direction="target"), Clips("lost"), Spread(direction="down")]
    return made_run(tmp_path_factory.mktemp("run"), values, metrics)


@pytest.fixture(scope="module")
def votes(quality):
    """Twelve raters see the quality and err a little; each judges every prompt once."""
    rng, found, names = np.random.default_rng(7), [], list(MODELS)
    for rater in range(12):
        for k, prompt_id in enumerate(ids(PROMPTS)):
            a, b = (names[i] for i in rng.permutation(3)[:2])
            better = quality[a][k] - quality[b][k] + rng.normal(0, 0.3)
            answer = "same" if abs(better) < 0.1 else "left" if better > 0 else "right"
            found.append(vote(f"r{rater}", prompt_id, a, b, answer))
    return [
        *found,
        vote("r0", "p00", "real", "ovi", "left", expected="left"),
        vote("r1", "elsewhere", "a", "b", "left"),
    ]


@pytest.fixture(scope="module")
def rows(folder, votes):
    (one,) = agree(folder, votes).questions
    assert one.votes == 12 * PROMPTS
    return one, {row.metric: row for row in one.metrics}


def test_a_metric_agrees_by_its_own_direction(rows, quality, votes):
    _, of = rows
    decided = [one for one in votes[:-2] if one.answer != "same"]
    right = [
        (quality[one.left][int(one.prompt_id[1:])] > quality[one.right][int(one.prompt_id[1:])])
        == (one.answer == "left")
        for one in decided
    ]
    for name in ("score", "error", "near"):
        assert of[name].pairwise.share == pytest.approx(np.mean(right))
        assert of[name].pairwise.n == len(decided)
        assert of[name].verdict == "agrees"
        assert 0.85 < of[name].pairwise.ci[0] < of[name].pairwise.share < of[name].pairwise.ci[1] <= 1
        assert (of[name].ranking.rho, of[name].ranking.models) == (1.0, 3)
        assert of[name].ranking.ci[1] == 1.0
    assert of["wrong"].pairwise.share == pytest.approx(1 - np.mean(right))
    assert (of["wrong"].verdict, of["wrong"].ranking.rho) == ("contradicts", -1.0)
    assert of["noise"].verdict == "no agreement shown"
    assert of["noise"].pairwise.ci[0] < 0.5 < of["noise"].pairwise.ci[1]


def test_what_cannot_be_compared_says_why(rows, folder, votes, quality, tmp_path):
    _, of = rows
    assert (of["lost"].verdict, of["lost"].pairwise, of["lost"].ranking) == ("undefined", None, None)
    assert of["lost"].pairwise_reason == "no vote decides between two clips that it has values of"
    assert of["lost"].ranking_reason == "0 models have votes and a value; an order needs 3"
    assert of["spread"].pairwise_reason == OF_A_SET
    assert of["spread"].ranking.rho == 1.0  # Less is better, and the best is nearest 5.
    alone = {model: {"near": list(seen), "score": [1.0] * PROMPTS} for model, seen in quality.items()}
    made_run(tmp_path / "no-real", alone, [Clips("near", direction="target"), Clips("score")])
    (one,) = agree(tmp_path / "no-real", votes).questions
    near, score = ({row.metric: row for row in one.metrics}[name] for name in ("near", "score"))
    assert near.pairwise_reason == near.ranking_reason == NO_REAL
    assert score.pairwise.share == 0.5  # One value for both clips.
    assert score.ranking_reason == "all models have one value"
    few = [one for one in votes if "mova" not in (one.left, one.right)]
    (two,) = agree(folder, few).questions
    assert two.metrics[0].ranking_reason == "2 models have votes and a value; an order needs 3"
    (single,) = agree(folder, [one for one in votes if one.rater == "r3"]).questions
    assert single.metrics[0].pairwise_reason.startswith("no interval over raters and prompts")
    assert single.people is None


def test_a_metric_of_noise_wins_nothing_by_real_being_its_own_target(tmp_path):
    rng = np.random.default_rng(8)
    noise = {model: {"near": list(rng.normal(size=PROMPTS)), "up": [1.0] * PROMPTS} for model in (*MODELS, "real")}
    made_run(tmp_path, noise, [Clips("near", direction="target"), Clips("up")])
    on_real = [vote(f"r{k}", p, "real", model, "left") for k in range(4) for p in ids(PROMPTS) for model in MODELS]
    (one,) = agree(tmp_path, on_real).questions
    near, up = one.metrics
    assert (near.verdict, near.pairwise) == ("undefined", None)
    assert near.ranking_reason == f"all models have one strength; {OF_REAL}"  # Against `real`.
    assert near.pairwise_reason == f"no vote decides between two clips that it has values of; {OF_REAL}"
    assert up.pairwise.n == len(on_real)  # Others are judged by votes on `real`.
    among = [vote(f"r{k}", p, "ovi", "jova", "left") for k in range(4) for p in ids(PROMPTS)]
    both, without = (agree(tmp_path, votes).questions[0].metrics[0] for votes in (on_real + among, among))
    assert both.pairwise == without.pairwise
    assert without.pairwise.n == len(among)


def test_a_rater_is_judged_by_checks_on_controls_that_the_run_lacks(folder, votes):
    failed = [vote("r3", p, "real", "still", "right", expected="left") for p in ids(PROMPTS)]
    found = agree(folder, [*votes, *failed])
    assert [(one.rater, one.passed, one.checks) for one in found.raters if not one.kept] == [("r3", 0, PROMPTS)]
    assert found.questions[0].votes == 11 * PROMPTS


def test_people_agree_with_each_other_as_far_as_they_do(folder):
    votes = [vote(f"r{k}", p, "ovi", "jova", "left" if k < 3 else "right") for k in range(4) for p in ids(PROMPTS)]
    (one,) = agree(folder, votes).questions
    # Of each of three raters two of three others agree, of the fourth none: 6 of 12.
    assert one.people.share == pytest.approx(0.5)
    assert agree(folder, votes[: 3 * PROMPTS]).questions[0].people.share == 1.0
    # Three raters that agree on everything are no certainty.
    assert agree(folder, votes[: 3 * PROMPTS]).questions[0].people.ci[0] < 0.6


def test_votes_on_seeds_are_compared_with_their_clips(tmp_path):
    values = {"a": {"score": [[1.0, 5.0]] * 4}, "b": {"score": [[2.0, 3.0]] * 4}}
    made_run(tmp_path, values, [Clips("score")], seeds=(0, 1))
    for seed, share in ((0, 0.0), (1, 1.0), (None, 1.0)):  # Means over seeds: 3 and 2.5.
        votes = [vote(f"r{k}", p, "a", "b", "left", seed=seed) for k in range(2) for p in ids(4)]
        assert agree(tmp_path, votes).questions[0].metrics[0].pairwise.share == share


def test_the_command_prints_what_the_function_returns(folder, votes, tmp_path, capsys):
    path = put_votes(tmp_path / "votes.jsonl", votes)
    found = jova_bench.agree_with_votes(folder, path)
    assert found == agree(folder, read_votes([path]))
    assert main(["votes", "agree", str(folder), str(path)]) == 0
    text = capsys.readouterr().out
    assert text == agreement_tables.markdown(found)
    assert "wrong" in text
    assert main(["votes", "agree", str(folder), str(path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["questions"][0]["decided"] == found.questions[0].decided
    frame = found.table()
    assert list(frame[frame["metric"] == "wrong"]["verdict"]) == ["contradicts"]
    assert agreement_tables.csv(found).count("\n") == 8


def test_votes_on_other_clips_are_none_and_no_other_one_line(folder):
    for given in (vote("ann", "p00", "x", "y", "left"), vote("ann", "p00", "ovi", "jova", "left", seed=7)):
        with pytest.raises(BenchError, match=r"expected votes on clips of .* \(ovi, jova, mova, real\), got none"):
            agree(folder, [given])
    known = [vote("ann", "p00", "ovi", "jova", "left", seed=seed) for seed in (0, 7)]
    assert agree(folder, known).questions[0].votes == 1
