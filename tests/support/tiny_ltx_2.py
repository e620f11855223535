"""An LTX-2 of the real layout and next to no width, with random weights, in the folder format of diffusers.

What times and sizes depend on is as in the published LTX-2.0 (32 x 32 pixels and 8 frames per latent, 25 sound
latents per second, 240 samples at 24 kHz per mel frame), and of the vocoder and the scheduler as in 2.5, too (480
samples at 48 kHz); widths and depths are as small as they can be.
"""

from __future__ import annotations

from pathlib import Path

import torch

WIDTH = 16
TOKENS = 64


def save(folder: Path, version: str = "2.0") -> None:
    """Writes `model_index.json` and a folder per component."""
    from diffusers import FlowMatchEulerDiscreteScheduler, LTX2Pipeline

    torch.manual_seed(0)
    text_encoder = gemma()
    pipeline = LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=video_codec(),
        audio_vae=audio_codec(),
        text_encoder=text_encoder,
        tokenizer=tokenizer(),
        connectors=connectors(layers=text_encoder.config.text_config.num_hidden_layers),
        transformer=transformer(),
        vocoder=vocoder() if version == "2.0" else wide_vocoder(),
    )
    louder(pipeline.transformer, 3)
    louder(pipeline.vocoder, 2)
    pipeline.save_pretrained(folder)


def louder(network: torch.nn.Module, gain: float) -> None:
    """Weights, not biases, times a gain: as initialised, next to nothing of the input reaches the output."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.mul_(gain)


def pieces() -> list[str]:
    """The vocabulary: Gemma's special tokens and one token per byte."""
    return ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]


def tokenizer():
    from transformers import GemmaTokenizer

    vocabulary = {piece: number for number, piece in enumerate(pieces())}
    return GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=TOKENS)


def gemma():
    """Two layers of text; the picture tower is there because the class has one, and is never run."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    text = {
        "vocab_size": len(pieces()), "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0, "eos_token_id": 1,
        "bos_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 16, "patch_size": 8,
    }  # fmt: skip
    mask = pieces().index("<mask>")
    return Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config=text,
            vision_config=vision,
            mm_tokens_per_image=1,
            boi_token_index=mask,
            eoi_token_index=mask,
            image_token_index=mask,
        )
    )


def connectors(layers: int):
    from diffusers.pipelines.ltx2 import LTX2TextConnectors

    return LTX2TextConnectors(
        caption_channels=WIDTH,
        text_proj_in_factor=layers + 1,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=8,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=TOKENS,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=TOKENS,
        rope_type="split",
    )


def transformer():
    from diffusers import LTX2VideoTransformer3DModel

    return LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=8,
        cross_attention_dim=16,
        audio_in_channels=8,
        audio_out_channels=8,
        audio_num_attention_heads=2,
        audio_attention_head_dim=4,
        audio_cross_attention_dim=8,
        num_layers=2,
        caption_channels=WIDTH,
        rope_type="split",
    )


def video_codec():
    from diffusers import AutoencoderKLLTX2Video

    return AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        encoder_causal=True,
        decoder_causal=False,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def audio_codec():
    """Latents of 2 channels and 4 of the 16 mel bins: 8 numbers a token."""
    from diffusers import AutoencoderKLLTX2Audio

    return AutoencoderKLLTX2Audio(
        base_channels=8,  # also the size of the latents' mean: channels times mel bins
        output_channels=2,
        ch_mult=(1, 1, 1),
        num_res_blocks=1,
        in_channels=2,
        resolution=16,
        latent_channels=2,
        norm_type="pixel",
        causality_axis="height",
        mid_block_add_attention=False,
        sample_rate=16_000,
        mel_hop_length=160,
        mel_bins=16,
    )


def vocoder():
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder

    return LTX2Vocoder(
        in_channels=2 * 16,
        hidden_channels=64,
        out_channels=2,
        upsample_kernel_sizes=[16, 15, 8, 4, 4],
        upsample_factors=[6, 5, 2, 2, 2],
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        output_sampling_rate=24_000,
    )


def wide_vocoder():
    """16 kHz, then an extension of the bandwidth to 48 kHz."""
    from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE

    small = {"resnet_kernel_sizes": [3], "resnet_dilations": [[1, 3, 5]]}
    return LTX2VocoderWithBWE(
        in_channels=2 * 16,
        hidden_channels=64,
        bwe_hidden_channels=32,
        **small,
        **{f"bwe_{key}": value for key, value in small.items()},
    )
