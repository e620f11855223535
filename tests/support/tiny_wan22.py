"""A Wan2.2-TI2V of the real layout and next to no width, with random weights, in the folder format of diffusers.

What times and sizes depend on is as in the published one (16 x 16 pixels and 4 frames per latent, patches of 2 latents,
one time per token); widths and depths are as small as they can be.
"""

from __future__ import annotations

from pathlib import Path

import torch

WIDTH = 16


def save(folder: Path) -> None:
    """Writes `model_index.json` and a folder per component."""
    from diffusers import UniPCMultistepScheduler, WanPipeline

    torch.manual_seed(0)
    network = transformer()
    with torch.no_grad():  # As initialised, next to nothing of the input reaches the output.
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.mul_(2)
    WanPipeline(
        tokenizer=tokenizer(),
        text_encoder=text_encoder(),
        vae=codec(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0),
        transformer=network,
        expand_timesteps=True,
    ).save_pretrained(folder)


def tokenizer():
    """One token per byte."""
    from transformers import ByT5Tokenizer

    return ByT5Tokenizer(extra_ids=0)


def text_encoder():
    from transformers import UMT5Config, UMT5EncoderModel

    sizes = {"d_model": WIDTH, "d_kv": 8, "d_ff": WIDTH, "num_layers": 1, "num_heads": 2}
    return UMT5EncoderModel(UMT5Config(vocab_size=260, **sizes)).eval()


def codec():
    from diffusers import AutoencoderKLWan

    latents = 4
    return AutoencoderKLWan(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=latents,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * latents,
        latents_std=[1.0] * latents,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_temporal=4,
        scale_factor_spatial=16,
    )


def transformer():
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        text_dim=WIDTH,
        freq_dim=16,
        ffn_dim=WIDTH,
        num_layers=2,
        cross_attn_norm=True,
        rope_max_seq_len=64,
    )
