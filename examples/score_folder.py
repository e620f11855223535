"""Scores the clips of a folder and prints each metric's mean, counts and reasons: `python score_folder.py my_clips`."""

import sys

import jova_bench as jb


def main(folder: str) -> int:
    """Prints one line per metric and returns the exit code that `jova-bench score` would."""
    result = jb.score(folder, metrics=["loudness", "stoi"], device="cpu")
    assert result.summary is not None
    for estimate in result.summary.estimates:
        value = "no value" if estimate.value is None else f"{estimate.value:.2f} {estimate.unit}".rstrip()
        counts = f"{estimate.n_ok} ok, {estimate.n_undefined} undefined, {estimate.n_failed} failed"
        print(f"{estimate.metric}: {value} ({counts})")
        for reason, count in estimate.reasons.items():
            print(f"    {count} x {reason}")
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
