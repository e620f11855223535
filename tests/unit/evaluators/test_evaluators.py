"""The evaluators' trainer on a tiny split of noise: it runs, it repeats itself, and its files load."""

import numpy as np
import pytest
import torch

from evaluators import tasks
from evaluators.__main__ import EVALUATORS
from evaluators.data import Split, classes_of, labels_of, mel_of
from jova_bench.metrics.networks import embedded as nets
from jova_bench.prompts import Prompt

TAGS = ("style", "hair", "skin", "clothes", "background", "sway", "blink", "voice", "pitch", "speed")


@pytest.fixture(scope="module")
def noise() -> Split:
    rng = np.random.default_rng(0)
    count, frames = 32, 45
    prompts = tuple(
        Prompt(
            id=f"noise-{k}",
            video_caption="",
            audio_caption="",
            transcript="set red" if k % 2 else "set blue",
            tags={tag: "ab"[k % 2] for tag in TAGS},
        )
        for k in range(count)
    )
    audio = rng.normal(0, 0.1, (count, 640 * frames)).astype(np.float32)
    pixels = rng.integers(0, 256, (count, frames, 64, 64, 3), dtype=np.uint8)
    return Split(prompts, pixels, audio, mel_of(audio), rng.random((count, frames), dtype=np.float32))


def test_labels_count_from_the_sorted_values(noise: Split):
    classes = classes_of(noise, ("hair", "voice"))
    assert classes == {"hair": ["a", "b"], "voice": ["a", "b"]}
    assert labels_of(noise, classes)[:3].tolist() == [[0, 0], [1, 1], [0, 0]]
    assert noise.mel.shape == (32, 4 * 45, nets.MELS)


@pytest.mark.parametrize("name", sorted(set(EVALUATORS) - {"syncnet-b"}))
def test_every_evaluator_trains_the_same_twice_and_loads(noise: Split, name: str, tmp_path):
    train = EVALUATORS[name].func  # type: ignore[attr-defined]
    (net, config), (again, _) = train(noise, 3, steps=1), train(noise, 3, steps=1)
    for one, other in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    nets.save(net, config, tmp_path / "net.safetensors")
    assert type(nets.read(tmp_path / "net.safetensors")) is type(net)


def test_a_window_depends_on_its_own_frames_and_sound_only():
    net = nets.SyncNet({"crop": tasks.MOUTH_CROP, "width": 16}).eval()
    frames, mel = torch.rand(1, 12, 3, 64, 64), torch.randn(1, 48, nets.MELS)
    seen, heard = net.encode_video(frames), net.encode_audio(mel)
    assert seen.shape == heard.shape == (1, 8, 16)  # 12 - 4 windows; (48 - 20) / 4 + 1
    frames[:, 7:], mel[:, 28:] = 0, 0  # window 2 is frames 2 .. 6 and mel frames 8 .. 27
    torch.testing.assert_close(net.encode_video(frames)[:, :3], seen[:, :3])
    torch.testing.assert_close(net.encode_audio(mel)[:, :3], heard[:, :3])
    assert not torch.allclose(net.encode_video(frames)[:, 3], seen[:, 3])
    assert not torch.allclose(net.encode_audio(mel)[:, 3], heard[:, 3])
