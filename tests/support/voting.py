"""Votes of raters with known preferences."""

import numpy as np

from jova_bench.votes.records import Vote
from jova_bench.votes.study import Given, read_key

ANSWERS = ("left", "same", "right")


def simulated(strengths, raters=20, prompts=30, each=30, tie=0.5, seed=0, question="sync"):
    """Votes by Davidson's model.

    Args:
        strengths: logarithms, by model.
        raters: number of them.
        prompts: number of them.
        each: votes of a rater.
        tie: nu.
        seed: of the generator.
        question: of all votes.
    """
    rng, names, found = np.random.default_rng(seed), list(strengths), []
    for rater in range(raters):
        for k in range(each):
            a, b = (names[i] for i in rng.permutation(len(names))[:2])
            half = (strengths[a] - strengths[b]) / 2
            weights = np.array([np.exp(half), tie, np.exp(-half)])
            answer = ANSWERS[rng.choice(3, p=weights / weights.sum())]
            found.append(vote(f"r{rater}", f"p{(rater + k) % prompts:02d}", a, b, answer, question=question))
    return found


def vote(rater, prompt_id, left, right, answer, **more):
    return Vote(**{"question": "sync"} | more | {
        "rater": rater, "prompt_id": prompt_id, "left": left, "right": right, "answer": answer
    })  # fmt: skip


def put_answers(study, raters=6):
    """Answers of raters to all pairs of ovi and jova in a study: every other one says left, the rest same."""
    key = read_key(study)
    of = {(one.prompt_id, one.model): number for number, one in key.clips.items()}
    for k in range(raters):
        given = [
            Given(
                study=key.study, rater=f"r{k}", question=asked.id, left=of[prompt, "ovi"], right=of[prompt, "jova"],
                answer=("left", "same")[k % 2], seconds=9.0,
            )
            for asked in key.questions
            for prompt in sorted({one.prompt_id for one in key.clips.values()})
        ]  # fmt: skip
        put_votes(study / "answers" / f"r{k}.jsonl", given)


def put_votes(path, votes):
    path.write_text("".join(one.model_dump_json(exclude_none=True) + "\n" for one in votes))
    return path
