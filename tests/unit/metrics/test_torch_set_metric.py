"""Set metrics in training loops, both kinds of metric in two processes, and the document that shows them."""

import re
from multiprocessing import set_forkserver_preload
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing import start_processes

from jova_bench.cache import NoCache
from jova_bench.errors import BenchError, Unavailable, Undefined
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.distances.base import FrechetMetric
from jova_bench.metrics.torch_metric import TorchMetric
from jova_bench.metrics.torch_set_metric import TorchSetMetric
from support.specs import set_spec

DOCS = Path(__file__).parents[3] / "docs"
ROOM = np.random.default_rng(0).normal(0, 0.1, (24, 2))
"""Levels of the two channels of 24 clips, as features."""


def levels(clip):
    """(2,) loudness of the channels; silence has none, and a clip of one channel is not for it."""
    if clip.audio.shape[0] != 2:
        raise Unavailable("one channel")
    if not clip.audio.any():
        raise Undefined("silent")
    return clip.audio.mean(axis=1).astype(np.float64)


def no_reference():
    raise Undefined("the suite names no reference set")


def frechet(embed=levels):
    return FrechetMetric(set_spec("fad"), embed, no_reference)


def sound(level):
    """(2, 8) constant channels."""
    return np.repeat(np.asarray(level, np.float32)[:, None], 8, axis=1)


def filled(metric, made=(), real=()):
    for level in real:
        metric.update(None, sound(level), fps=None, sample_rate_hz=16_000, real=True)
    for level in made:
        metric.update(None, sound(level), fps=None, sample_rate_hz=16_000)
    return metric


def by_hand(made, real):
    """Frechet distance of the rows of two sets as float32 sound keeps them."""
    return frechet().against(np.float32(real).astype(np.float64)).distance(np.float32(made).astype(np.float64))


def test_the_distance_from_real_clips_is_the_metrics_own():
    metric = filled(TorchSetMetric(frechet()), made=ROOM[:10] + 1, real=ROOM[10:])
    assert metric.compute().item() == pytest.approx(by_hand(ROOM[:10] + 1, ROOM[10:]), rel=1e-6)
    assert metric.compute().item() == pytest.approx(2, abs=0.3)  # The means are 1 apart in each of two channels.
    assert metric.why is None


def test_real_clips_may_be_given_as_features():
    given = filled(TorchSetMetric(frechet(), reference=torch.from_numpy(ROOM[10:])), made=ROOM[:10])
    shown = filled(TorchSetMetric(frechet()), made=ROOM[:10], real=ROOM[10:])
    assert given.compute().item() == pytest.approx(shown.compute().item(), abs=1e-6)
    with pytest.raises(BenchError, match="real clips or a reference, not both"):
        given.update(None, sound(ROOM[0]), fps=None, sample_rate_hz=16_000, real=True)


class Unspecified(FrechetMetric):
    """Its specification of other real clips is none."""

    def against(self, reference):
        return FrechetMetric(set_spec("fad", params={"real": None}), self._embed, no_reference)


def test_a_specification_that_fails_when_real_clips_are_given_is_one_line():
    wrong = Unspecified(set_spec("fad"), levels, no_reference)
    said = "^fad does not take these real clips: MetricSpec: params.real: expected a text or a number, got None$"
    with pytest.raises(BenchError, match=said):
        TorchSetMetric(wrong, reference=ROOM)
    with pytest.raises(BenchError, match=said):
        filled(TorchSetMetric(wrong), made=ROOM[:10], real=ROOM[10:]).compute()


def test_an_empty_batch_adds_no_clip():
    """As `torchmetrics.MeanMetric` takes an empty tensor: a process may have no clip in an epoch's last step."""
    metric = TorchSetMetric(frechet(), reference=ROOM[10:])
    metric.update(None, np.zeros((0, 2, 8), np.float32), fps=None, sample_rate_hz=16_000)
    assert np.isnan(metric.compute().item())
    assert metric.why == "no clip has features: no clip was given"
    assert filled(metric, made=ROOM[:10]).compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]))
    with pytest.raises(BenchError, match="as many pictures as sounds, got 0 and 2"):
        metric.update(np.zeros((0, 5, 8, 8, 3), np.uint8), np.zeros((2, 2, 8)), fps=25, sample_rate_hz=16_000)


def test_without_real_clips_the_metrics_own_reference_counts():
    metric = filled(TorchSetMetric(FrechetMetric(set_spec("fad"), levels, lambda: ROOM[10:])), made=ROOM[:10])
    assert metric.compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]), abs=1e-6)
    metric = filled(TorchSetMetric(frechet()), made=ROOM[:10])
    assert np.isnan(metric.compute().item())
    assert metric.why == "the suite names no reference set"


def test_too_few_clips_have_no_distance():
    metric = TorchSetMetric(frechet(), reference=ROOM[10:])
    metric.update(None, np.zeros((2, 8), np.float32), fps=None, sample_rate_hz=16_000)
    assert np.isnan(metric.compute().item())
    assert metric.why == "no clip has features: silent (1)"
    filled(metric, made=ROOM[:5])
    assert np.isnan(metric.compute().item())
    others = "kad takes 10, fad@avbenchmark takes 2, from the prompts' own clips"
    assert metric.why == f"5 clips are fewer than 3 x d = 6 ({others})"
    filled(metric, made=ROOM[5:6])
    assert np.isfinite(metric.compute().item())
    assert metric.why is None


def test_clips_without_features_are_counted_and_left_out():
    metric = TorchSetMetric(frechet(), reference=ROOM[10:])
    filled(metric, made=ROOM[:10])
    metric.update(None, np.zeros((2, 8), np.float32), fps=None, sample_rate_hz=16_000)
    metric.update(None, np.ones((1, 8), np.float32), fps=None, sample_rate_hz=16_000)
    assert (int(metric.ok), int(metric.undefined), int(metric.failed)) == (10, 1, 1)
    assert metric.compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]), abs=1e-6)
    metric = TorchSetMetric(frechet())
    with pytest.raises(Undefined, match="silent"):
        metric.update(None, np.zeros((2, 8), np.float32), fps=None, sample_rate_hz=16_000, real=True)


def test_a_batch_is_its_clips():
    batch = torch.from_numpy(np.stack([sound(level) for level in ROOM[:10]]))
    metric = TorchSetMetric(frechet(), reference=ROOM[10:])
    metric.update(None, batch, fps=None, sample_rate_hz=16_000)
    assert int(metric.ok) == 10
    assert metric.compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]), abs=1e-6)
    frames = np.zeros((10, 2, 4, 4, 3), np.uint8)
    metric.update(frames, batch, fps=25, sample_rate_hz=16_000)
    assert int(metric.ok) == 20
    with pytest.raises(BenchError, match="as many pictures as sounds, got 9 and 10"):
        metric.update(frames[:9], batch, fps=25, sample_rate_hz=16_000)
    with pytest.raises(BenchError, match="both have a batch axis"):
        metric.update(frames[0], batch, fps=25, sample_rate_hz=16_000)


@pytest.mark.parametrize("reset_real", [True, False])
def test_reset_forgets_the_clips_and_the_real_ones_when_told(reset_real):
    metric = filled(TorchSetMetric(frechet(), reset_real=reset_real), made=ROOM[:10], real=ROOM[10:])
    metric.compute()
    metric.reset()
    assert int(metric.ok) == 0
    filled(metric, made=ROOM[2:10])
    value = metric.compute().item()
    assert np.isnan(value) if reset_real else value == pytest.approx(by_hand(ROOM[2:10], ROOM[10:]), abs=1e-6)


def test_clips_with_several_vectors_keep_theirs():
    """Two vectors of the first clip and three of the others stay what they are."""

    def many(clip):
        vectors = 2 if clip.audio[0, 0] < 0 else 3
        return levels(clip) + np.arange(vectors)[:, None] * 0.01

    seen = []

    class Spy(FrechetMetric):
        def distance(self, features):
            seen.append(features)
            return super().distance(features)

    metric = filled(TorchSetMetric(Spy(set_spec("fad"), many, lambda: ROOM[10:])), made=[(-1, 1), *np.abs(ROOM[:8])])
    metric.compute()
    assert seen[0].shape == (9, 3, 2)
    assert np.isnan(seen[0][0]).tolist() == [[False] * 2, [False] * 2, [True] * 2]
    assert not np.isnan(seen[0][1:]).any()


def test_states_merge_and_forward_keeps_them():
    one = filled(TorchSetMetric(frechet()), made=ROOM[:6], real=ROOM[10:14])
    other = filled(TorchSetMetric(frechet()), made=ROOM[6:10], real=ROOM[14:])
    one.merge_state(other)
    assert one.compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]), abs=1e-6)
    metric = TorchSetMetric(frechet(), reference=ROOM[10:])
    for level in ROOM[:10]:
        assert np.isnan(metric(None, sound(level), fps=None, sample_rate_hz=16_000).item())  # One clip is no set.
    assert metric.compute().item() == pytest.approx(by_hand(ROOM[:10], ROOM[10:]), abs=1e-6)


# Two processes


def shipped(name):
    return build([name], "embedded", MetricContext(NoCache()))[0]


def process(rank, clips, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    lse_c = TorchMetric(shipped("lse_c"), in_domain=True)
    kvd = TorchSetMetric(shipped("kvd"), in_domain=True)
    share(lse_c, kvd, clips, [rank])
    values = torch.stack([lse_c.compute(), kvd.compute()])
    # Unsynced again after compute: these are this process's own.
    counts = torch.tensor([int(lse_c.ok), int(lse_c.undefined), int(kvd.ok)])
    torch.save((values, counts), f"{folder}/{rank}.pt")
    # Of all processes after compute: the second has lost none.
    assert lse_c.why == "silent (1)", lse_c.why
    torch.distributed.destroy_process_group()


def share(lse_c, kvd, clips, ranks):
    """Gives the clips of these processes: 8 and 4, the silent clip to the first, all real ones to the second."""
    for position, (frames, audio) in enumerate(clips):
        if int(position >= 8) in ranks:
            lse_c.update(frames, audio, fps=25, sample_rate_hz=16_000)
            kvd.update(frames, audio, fps=25, sample_rate_hz=16_000)
        if 1 in ranks:
            kvd.update(frames[:, :, ::-1], audio, fps=25, sample_rate_hz=16_000, real=True)
    if 0 in ranks:
        lse_c.update(clips[0][0], np.zeros_like(clips[0][1]), fps=25, sample_rate_hz=16_000)


@pytest.mark.slow
def test_two_processes_give_the_values_of_one(real_clips, tmp_path, monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    clips = [(clip.frames, clip.audio) for clip in real_clips] + [
        (clip.frames[::-1].copy(), clip.audio[:, ::-1].copy()) for clip in real_clips[:2]
    ]
    set_forkserver_preload([__name__])  # What both import is imported once.
    start_processes(process, (clips, str(tmp_path)), nprocs=2, start_method="forkserver")
    lse_c = TorchMetric(shipped("lse_c"), in_domain=True)
    kvd = TorchSetMetric(shipped("kvd"), in_domain=True)
    share(lse_c, kvd, clips, [0, 1])
    expected = [lse_c.compute().item(), kvd.compute().item()]
    assert (int(lse_c.ok), int(lse_c.undefined), int(kvd.ok)) == (12, 1, 12)
    own = []
    for rank in (0, 1):
        values, counts = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert values.tolist() == pytest.approx(expected, rel=1e-6)
        own.append(counts.tolist())
    assert own == [[8, 1, 8], [4, 0, 4]]


def test_the_code_of_the_document_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "training-loop.md").read_text(encoding="utf-8"), re.DOTALL)
    scope = {}
    for block in blocks:
        exec(compile(block, "training-loop.md", "exec"), scope)
    told = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"LSE-C 0\.\d{3}: 12 ok, 0 undefined, 0 failed", told[0])
    assert re.fullmatch(r"WER \d\.\d{3}, every clip has one", told[1])
    assert re.fullmatch(r"epoch 0: KVD -?\d+\.\d\d of 12 clips, as it should be", told[2])
    assert told[3] == told[2].replace("epoch 0", "epoch 1")
