"""As much of upstream as the worker uses; what its networks assert of lengths is asserted here."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import acts
import torch

from jova_bench.media import files as media


@dataclasses.dataclass
class SequenceConfig:
    duration: float
    sampling_rate: int
    samples_per_latent: int

    @property
    def latent_seq_len(self):
        return math.ceil(self.duration * self.sampling_rate / self.samples_per_latent)

    @property
    def clip_seq_len(self):
        return int(self.duration * 8)

    @property
    def sync_seq_len(self):
        return int(((self.duration * 25 - 16) // 8 + 1) * 8)


CONFIG_44K = SequenceConfig(duration=8.0, sampling_rate=44_100, samples_per_latent=1024)


@dataclasses.dataclass
class ModelConfig:
    model_name: str
    model_path: Path
    vae_path: Path
    bigvgan_16k_path: object
    mode: str
    synchformer_ckpt: Path = Path("./ext_weights/synchformer_state_dict.pth")

    @property
    def seq_cfg(self):
        return CONFIG_44K

    def download_if_needed(self):
        raise AssertionError("nothing may be fetched while it runs")


all_model_cfg = {
    "large_44k_v2": ModelConfig(
        model_name="large_44k_v2",
        model_path=Path("./weights/mmaudio_large_44k_v2.pth"),
        vae_path=Path("./ext_weights/v1-44.pth"),
        bigvgan_16k_path=None,
        mode="44k",
    )
}


def steps(step, last):
    """0, step, ... as upstream adds them up, until one is beyond."""
    found = [0.0]
    while found[-1] <= last:
        found.append(found[-1] + step)
    return found


def load_video(video_path, duration_sec, load_all_frames=True):
    film = media.read(Path(video_path))
    times = [float(k / film.fps) for k in range(len(film.frames))]
    clip, sync = (sum(wanted <= times[-1] for wanted in steps(1 / rate, times[-1])) for rate in (8, 25))
    seconds = min(duration_sec, clip / 8, sync / 25)
    acts.note("film", asked=duration_sec, read=seconds, audio=film.audio is not None, all=load_all_frames)
    return SimpleNamespace(
        duration_sec=seconds,
        clip_frames=torch.zeros(int(8 * seconds), 3, 4, 4),
        sync_frames=torch.zeros(int(25 * seconds), 3, 4, 4),
    )


def generate(
    clip_video,
    sync_video,
    text,
    *,
    negative_text=None,
    feature_utils,
    net,
    fm,
    rng,
    cfg_strength,
    clip_batch_size_multiplier=40,
    sync_batch_size_multiplier=40,
    image_input=False,
):
    (prompt,), (negative,) = text, negative_text
    acts.note("generate", prompt=prompt, negative=negative, steps=fm.num_steps, cfg=cfg_strength, lengths=net.lengths)
    acts.act(prompt)
    assert net.lengths[1:] == [clip_video.shape[1], ((sync_video.shape[1] - 16) // 8 + 1) * 8]
    noise = int(torch.randint(8, (1,), generator=rng))
    made = torch.from_numpy(acts.tone(prompt, noise, net.lengths[0] * 1024, 44_100))
    return made.to(torch.bfloat16)[None, None]
