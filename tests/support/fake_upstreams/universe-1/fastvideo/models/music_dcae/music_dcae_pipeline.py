import acts
import torch

DEFAULT_PRETRAINED_PATH = "music_dcae_f8c8"
VOCODER_PRETRAINED_PATH = "music_vocoder"


class MusicDCAE(torch.nn.Module):
    def __init__(
        self,
        source_sample_rate=None,
        target_sample_rate=None,
        dcae_checkpoint_path=DEFAULT_PRETRAINED_PATH,
        vocoder_checkpoint_path=VOCODER_PRETRAINED_PATH,
    ):
        super().__init__()
        acts.note("sound", rates=[source_sample_rate, target_sample_rate])

    def decode(self, latents, audio_lengths=None, sr=None):
        assert latents.dtype == torch.float32
        left = torch.from_numpy(acts.tone("", int(latents[0, 0]), sr * 6, sr))
        # Longer than asked for, then cut; the right channel is another.
        return sr, [torch.stack([left, -left])[:, : audio_lengths[0]]], None
