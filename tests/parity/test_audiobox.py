"""AudioBox Aesthetics: parity with upstream, windows by length, what each axis says, and bad input."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import Unavailable
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import aesthetics as nets
from jova_bench.metrics.sound import audiobox as aesthetics
from support.clips import audio_clip
from support.memory_cache import MemoryCache
from support.upstream import fake, fake_state, parity

PARITY = parity("aesthetics")
AXES = ("ce", "cu", "pc", "pq")


def sound(samples):
    return (0.1 * fake((1, samples), "aesthetics sound"))[0].numpy()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aesthetics")
    save_file(fake_state(PARITY["shapes"]), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(PARITY["config"]))
    return folder / "model.safetensors", folder / "config.json"


@pytest.fixture
def own(files, own_assets):
    return own_assets(dict(zip((aesthetics.WEIGHTS, aesthetics.CONFIG), files, strict=True)))


@pytest.mark.parametrize("case", PARITY["cases"])
def test_opinions_are_upstreams(files, case):
    """3.3 s are padded, 12.31 s are two windows of which the second is padded."""
    known = PARITY["cases"][case]
    opinions = nets.load(*files, "cpu").predict(sound(known["samples"]))
    np.testing.assert_allclose(opinions, list(known["scores"].values()), rtol=1e-5)
    assert list(known["scores"]) == list(nets.AXES)


def test_windows_count_by_their_length(files):
    net = nets.load(*files, "cpu")
    long = sound(196_960)
    whole, rest = net.predict(long[:160_000]), net.predict(long[160_000:])
    np.testing.assert_allclose(net.predict(long), (160_000 * whole + 36_960 * rest) / 196_960, rtol=1e-6)


def test_padding_is_not_heard(files):
    """Zeros of the clip are sound; zeros behind it are not."""
    net, short = nets.load(*files, "cpu"), sound(52_800)
    with_zeros = np.pad(short, (0, 16_000))
    assert np.abs(net.predict(short) - net.predict(with_zeros)).max() > 1e-3
    assert np.isfinite(net.predict(short[:1])).all()


def test_every_axis_is_a_metric_and_all_come_from_one_pass(own):
    cache, known = MemoryCache(), PARITY["cases"]["3.3 s"]
    metrics = build(AXES, "standard", MetricContext(cache))
    assert [metric.spec.name for metric in metrics] == list(AXES)
    for metric in metrics:
        assert metric.check() is None
        assert f"config={assets.asset_table().digest(aesthetics.CONFIG)}" in metric.spec.identity
        value = metric.score(audio_clip(sound(known["samples"])), None, None).value
        assert value == pytest.approx(known["scores"][metric.spec.name.upper()], rel=1e-5)
    assert len(cache.kept) == 1


def test_complexity_is_to_match_and_only_a_bench_says_down():
    directions = {m.spec.name: m.spec.direction for m in build(AXES, "standard", MetricContext(NoCache()))}
    assert directions == {"ce": "up", "cu": "up", "pc": "target", "pq": "up"}
    theirs = {
        m.spec.name: m.spec.direction
        for m in build([f"{a}@versebench" for a in AXES], "standard", MetricContext(NoCache()))
    }
    assert theirs == {"ce": "up", "cu": "up", "pc": "down", "pq": "up"}


def test_javisbench_averages_all_axes_of_sound_as_the_benches_hear_it(own):
    theirs = build([f"{axis}@versebench" for axis in AXES], "standard", MetricContext(NoCache()))
    (quality,) = build(["audio_quality@javisbench"], "standard", MetricContext(NoCache()))
    clip = audio_clip(np.stack([sound(30_000), 0.5 * sound(30_000)]), 22_050)
    axes = [metric.score(clip, None, None).value for metric in theirs]
    assert quality.score(clip, None, None).value == pytest.approx(np.mean(axes), rel=1e-6)
    assert np.ptp(axes) > 0.1
    assert quality.spec.direction == "up"
    assert "/compat:javisbench@b505b37:" in quality.spec.identity


def test_silence_has_no_quality_but_for_the_bench(own):
    clean, theirs = build(["pq", "pq@versebench"], "standard", MetricContext(NoCache()))
    silent = audio_clip(np.zeros(16_000))
    assert clean.score(silent, None, None).reason == "silent"
    assert theirs.score(silent, None, None).status == "ok"
    for metric in (clean, theirs):
        assert metric.score(audio_clip(np.zeros((1, 0))), None, None).reason == "silent"
        assert metric.score(audio_clip(None), None, None).reason == "no audio stream"


def test_stereo_and_other_rates_become_mono_at_16_khz(own):
    clean, theirs = build(["ce", "ce@versebench"], "standard", MetricContext(NoCache()))
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(3 * 48_000) / 48_000)
    mono = clean.score(audio_clip(tone, 48_000), None, None).value
    assert clean.score(audio_clip(np.stack([tone * 2, tone * 0]), 48_000), None, None).value == pytest.approx(
        mono, abs=1e-4
    )
    # Two resamplers of one sound: near, not equal, and so the identity tells which.
    assert theirs.score(audio_clip(tone, 48_000), None, None).value == pytest.approx(mono, abs=0.2)
    assert clean.spec.params["resampling"] != theirs.spec.params["resampling"]


def test_without_weights_it_says_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    (metric,) = build(["pq"], "standard", MetricContext(NoCache()))
    assert metric.check() == "weights missing: jova-bench assets pull audiobox-aesthetics audiobox-aesthetics-config"
    outcome = metric.score(audio_clip(sound(16_000)), None, None)
    assert (outcome.status, outcome.reason) == ("failed", metric.check())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state, config: (state, config | {"nth_layer": 2}),
        lambda state, config: (state, {key: value for key, value in config.items() if key != "target_transform"}),
        lambda state, config: (state, config | {"proj_num_layer": 2}),
        lambda state, config: ({k: v for k, v in state.items() if "layer_weights" not in k}, config),
        lambda state, config: ({"a": torch.ones(1)}, config),
    ],
)
def test_other_files_are_refused(tmp_path, spoil):
    state, config = spoil(fake_state(PARITY["shapes"]), PARITY["config"])
    save_file(state, tmp_path / "m.safetensors")
    (tmp_path / "c.json").write_text(json.dumps(config))
    with pytest.raises(Unavailable, match="weights unreadable"):
        nets.load(tmp_path / "m.safetensors", tmp_path / "c.json", "cpu")


def test_a_broken_configuration_is_refused(files, tmp_path):
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(Unavailable, match="weights unreadable"):
        nets.load(files[0], tmp_path / "c.json", "cpu")
