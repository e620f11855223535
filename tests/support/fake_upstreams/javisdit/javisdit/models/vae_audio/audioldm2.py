from pathlib import Path

import torch


class AudioLDM2:
    def __init__(self, from_pretrained, device, dtype):
        assert Path(from_pretrained, "model_index.json").is_file()

    def prepare_latents(
        self,
        audio_length_in_s=None,
        batch_size=1,
        num_waveforms_per_prompt=1,
        device=None,
        dtype=None,
        latents=None,
    ):
        return torch.randn(batch_size, 8, 32, 16, device=device, dtype=dtype), int(audio_length_in_s * 16000)

    def decode_audio(self, latents, original_waveform_length=None, return_np=False):
        # Of whole latents, and then cut.
        made = 0.3 * torch.tanh(latents.float().flatten(1)).repeat(1, 100)
        return made[:, :original_waveform_length]
