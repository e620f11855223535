"""Runs HunyuanVideo-Foley in its own environment, through the functions of its infer.py (@df7b005)."""

from __future__ import annotations

from types import SimpleNamespace


def load(weights, device, options):
    """Loads the networks. Two of them upstream asks for by name, of a hub that is offline."""
    import torch
    from hunyuanvideo_foley.utils.model_utils import load_model

    networks, config = load_model(
        weights,
        f"configs/hunyuanvideo-foley-{options['variant']}.yaml",
        torch.device(device),
        enable_offload=options["offload"],
        model_size=options["variant"],
    )
    return SimpleNamespace(networks=networks, config=config)


def generate(model, seed, folder, prompt, negative_prompt, steps, guidance, video):
    """Generates one sample: audio alone, (1, N). The noise comes from the global generator.

    Upstream's script would also write the film again, with the sound doubled to two channels.
    """
    from infer import infer

    audio, rate_hz = infer(
        video,
        prompt,
        model.networks,
        model.config,
        guidance_scale=guidance,
        num_inference_steps=steps,
        neg_prompt=negative_prompt,
    )
    return {"audio": audio, "rate_hz": rate_hz}
