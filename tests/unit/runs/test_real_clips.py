"""A suite's reference set: real clips that no prompt has, embedded once, whose content is part of what a number is."""

import json
import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch

from jova_bench import run, score
from jova_bench.assets import table as assets
from jova_bench.cache import DiskCache
from jova_bench.comparison.compare import compare, set_metrics
from jova_bench.comparison.results import freeze, read_results
from jova_bench.errors import BenchError
from jova_bench.execution.base import Local, LocalContext
from jova_bench.media import files as media
from jova_bench.metrics.distances import base as set_distance
from jova_bench.metrics.distances import fvd as i3d
from jova_bench.metrics.real_clips import NONE
from jova_bench.progress import Quiet
from jova_bench.runs.real_clips import content_digest, real_clips
from jova_bench.suites.loading import load_suite
from support.upstream import fake_state, parity

INFO = """
name = "mine"
description = "A suite with real clips"
profile = "standard"
reference_set = "real"
licence = "CC0-1.0"
"""


def write_clip(path, seed):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (16, 32, 32, 3), dtype=np.uint8)
    path.parent.mkdir(exist_ok=True, parents=True)
    media.write(path, frames, Fraction(25), None, 0)


def write_suite(folder, prompts=3, real=3, info=INFO):
    """Prompts p0 .. with their own clips, and another set of real clips."""
    for k in range(prompts):
        write_clip(folder / "own" / f"p{k}.mp4", k)
    for k in range(real):
        write_clip(folder / "real" / f"{k}.mp4", 100 + k)
    line = {"video_caption": "v", "audio_caption": "a", "transcript": "t"}
    lines = [json.dumps({"id": f"p{k}", "reference": f"own/p{k}.mp4"} | line) for k in range(prompts)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    (folder / "suite.toml").write_text(info)
    return load_suite(folder / "prompts.jsonl")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


def found(suite, tmp_path, kinds=("suite", "prompts"), limit=None):
    sets_of = real_clips(
        suite, kinds, limit, tmp_path / "run", tmp_path / "assets", Local(LocalContext("cpu")), Quiet()
    )
    return {kind: files.at(LocalContext("cpu")) for kind, files in sets_of.items()}


def test_both_sets_are_found_by_content(tmp_path, home):
    suite = write_suite(tmp_path / "s")
    sets_of = found(suite, tmp_path)
    assert [len(sets_of[kind].clips) for kind in ("suite", "prompts")] == [3, 3]
    digest, read = sets_of["suite"].clips[0]
    assert read().digest == digest == media.read(tmp_path / "s/real/0.mp4").digest
    # The same clips under other names are the same set; fewer of them are another.
    (tmp_path / "s/real/0.mp4").rename(tmp_path / "s/real/z.mp4")
    assert found(suite, tmp_path)["suite"].digest == sets_of["suite"].digest
    assert found(suite, tmp_path, limit=2)["prompts"].digest != sets_of["prompts"].digest
    (tmp_path / "s/real/z.mp4").unlink()
    assert found(suite, tmp_path)["suite"].digest != sets_of["suite"].digest


def test_a_file_is_decoded_once(tmp_path, home, monkeypatch):
    write_clip(tmp_path / "a.mp4", 0)
    cache = DiskCache(tmp_path / "cache")
    digest = content_digest(tmp_path / "a.mp4", cache)
    monkeypatch.setattr(media, "read", None)
    assert content_digest(tmp_path / "a.mp4", cache) == digest


def test_nothing_is_looked_at_unless_it_is_asked_for(tmp_path, home, monkeypatch):
    suite = write_suite(tmp_path / "s")
    monkeypatch.setattr(media, "read", None)
    assert found(suite, tmp_path, kinds=()) == {}
    assert found(load_suite("embedded"), tmp_path, kinds=("suite",)) == {}


def test_a_prompts_own_clip_in_the_reference_set_is_refused(tmp_path, home):
    suite = write_suite(tmp_path / "s")
    # Other bytes, the same content: a copy inside another container.
    clip = media.read(tmp_path / "s/own/p1.mp4")
    shutil.copy(tmp_path / "s/own/p1.mp4", tmp_path / "s/real/copy.mp4")
    with pytest.raises(BenchError, match=r"without the prompts' own clips, got .*copy\.mp4, .*p1\.mp4; remove it"):
        found(suite, tmp_path)
    assert clip.digest == media.read(tmp_path / "s/real/copy.mp4").digest
    (tmp_path / "s/real/copy.mp4").unlink()
    shutil.copy(tmp_path / "s/real/0.mp4", tmp_path / "s/real/twice.mp4")
    with pytest.raises(BenchError, match=r"expected different clips in a reference set"):
        found(suite, tmp_path)


def test_a_broken_or_empty_reference_set_is_told_before_any_work(tmp_path, home):
    suite = write_suite(tmp_path / "s")
    (tmp_path / "s/real/0.mp4").write_bytes(b"no clip")
    with pytest.raises(BenchError, match=r"0\.mp4"):
        found(suite, tmp_path)
    shutil.rmtree(tmp_path / "s/real")
    with pytest.raises(BenchError, match=r"suite\.toml: reference_set: expected a folder of real clips"):
        run(
            [f"clips:{tmp_path / 's/own'}"], suite, profile="standard", metrics=["kvd"], out=tmp_path / "run", workers=0
        )


# From a suite to numbers


def estimates(folder):
    summary = json.loads((folder / "summary.json").read_text())
    return {(e["metric"], "compat" in e["identity"]): e for e in summary["estimates"]}


@pytest.fixture
def weights(home, monkeypatch):
    monkeypatch.setattr(set_distance, "MIN_CLIPS", 3)
    path = home / assets.asset_table().get("i3d").file
    path.parent.mkdir(parents=True)
    torch.save(fake_state(parity("i3d")["shapes"]), path)
    assets.asset_table().find("i3d")  # Records the digest.


def test_a_run_compares_with_the_sets_that_its_metrics_want(tmp_path, weights, home):
    suite = write_suite(tmp_path / "s")
    for k in range(3):
        write_clip(tmp_path / "made" / f"p{k}.mp4", 50 + k)
    out = tmp_path / "run"
    arguments = {"profile": "standard", "metrics": ["kvd", "kvd@javisbench"], "out": out, "workers": 0}
    run([f"clips:{tmp_path / 'made'}"], suite, **arguments)
    first = estimates(out)
    clean, bench = first["kvd", False], first["kvd", True]
    assert (clean["n_ok"], bench["n_ok"]) == (3, 3)
    assert "reference=suite:" in clean["identity"]
    assert "reference=prompts:" in bench["identity"]
    assert "none" not in clean["identity"] + bench["identity"]
    assert np.isfinite([clean["value"], bench["value"]]).all()
    assert list((home / "features").glob("*/*.npz"))
    # The real clips, scored as a model: no distance where they are themselves what is compared with.
    for k in range(3):
        shutil.copy(tmp_path / f"s/real/{k}.mp4", tmp_path / "made" / f"p{k}.mp4")
    score(tmp_path / "made", suite, profile="standard", metrics=["kvd"], out=tmp_path / "real", workers=0)
    (itself,) = estimates(tmp_path / "real").values()
    assert itself["value"] is None
    assert itself["reasons"] == {"is a clip of the reference set": 3}


def test_runs_compare_when_neither_real_clips_nor_weights_are_at_hand(tmp_path, weights, home):
    suite = write_suite(tmp_path / "s")
    arguments = {"profile": "standard", "metrics": ["kvd", "kvd@javisbench"], "workers": 0}
    for name, seed in (("a", 50), ("b", 60)):
        for k in range(3):
            write_clip(tmp_path / name / f"p{k}.mp4", seed + k)
        run([f"clips:{tmp_path / name}"], suite, out=tmp_path / f"run-{name}", **arguments)
    shutil.rmtree(home)
    shutil.rmtree(tmp_path / "s")
    results = [read_results(tmp_path / f"run-{name}") for name in "ab"]
    measures = set_metrics(list(results[0].specs.values()), results)
    for name, side in zip("ab", results, strict=True):
        of_run = {e["identity"]: e["value"] for e in estimates(tmp_path / f"run-{name}").values()}
        for (_, identity), parts in side.columns.items():
            value = measures[identity].distance(np.stack([parts[cell] for cell in sorted(parts)]))
            assert value == pytest.approx(of_run[identity])
    # Three clips are what the distance needs, so its jackknife has none; but nothing is said not to compare.
    found = compare(tmp_path / "run-a", tmp_path / "run-b")
    assert [row.verdict for row in found.rows] == ["underpowered", "underpowered"]
    # With a frozen reference, the run's own folder has the real clips' features.
    (tmp_path / "a.json").write_text(freeze(results[0]))
    shutil.rmtree(tmp_path / "run-a")
    assert compare(tmp_path / "a.json", tmp_path / "run-b").rows == found.rows


def test_embedding_the_real_clips_again_costs_nothing(tmp_path, weights, monkeypatch):
    suite = write_suite(tmp_path / "s")
    for k in range(3):
        write_clip(tmp_path / "made" / f"p{k}.mp4", 50 + k)
    seen = []
    whole = i3d.logits
    monkeypatch.setattr(i3d, "logits", lambda shown, *rest: seen.append(len(shown)) or whole(shown, *rest))
    for out in ("one", "two"):
        arguments = {"profile": "standard", "metrics": ["kvd"], "out": tmp_path / out, "workers": 0}
        run([f"clips:{tmp_path / 'made'}"], suite, **arguments)
    assert len(seen) == 3 + 3 + 3  # Made and real clips, then made clips once more in another folder.
    assert estimates(tmp_path / "one") == estimates(tmp_path / "two")


@pytest.mark.parametrize("metric", ["kvd", "kvd@javisbench"])
def test_without_real_clips_a_distance_is_undefined_and_nothing_is_computed(tmp_path, home, metric):
    suite = write_suite(tmp_path / "s", prompts=2, info=INFO.replace('reference_set = "real"\n', ""))
    lines = (tmp_path / "s/prompts.jsonl").read_text().replace('"reference"', '"image"')
    (tmp_path / "s/prompts.jsonl").write_text(lines)
    suite = load_suite(tmp_path / "s/prompts.jsonl")
    run([f"clips:{tmp_path / 's/own'}"], suite, profile="standard", metrics=[metric], out=tmp_path / "run", workers=0)
    (estimate,) = estimates(tmp_path / "run").values()
    assert (estimate["value"], estimate["n_undefined"]) == (None, 2)
    (reason,) = estimate["reasons"]
    assert reason.startswith(f"{NONE['prompts' if '@' in metric else 'suite']}")
    assert reason.endswith("; weights missing: jova-bench assets pull i3d")  # Both are mended at one go.
