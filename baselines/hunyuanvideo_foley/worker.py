"""Runs HunyuanVideo-Foley in its own environment, through the functions of its infer.py (@df7b005)."""

from __future__ import annotations

from types import SimpleNamespace


def load(weights, device, options):
    """Loads the networks. Two of them upstream asks for by name, of a hub that is offline."""
    import torch
    from audiotools.ml import BaseModel
    from hunyuanvideo_foley.utils import model_utils

    BaseModel._load_package = staticmethod(no_package)
    model_utils.load_state_dict = complete(model_utils.load_state_dict)
    networks, config = model_utils.load_model(
        weights,
        f"configs/hunyuanvideo-foley-{options['variant']}.yaml",
        torch.device(device),
        enable_offload=options["offload"],
        model_size=options["variant"],
    )
    return SimpleNamespace(networks=networks, config=config)


def no_package(location, package_name=None):
    """Refuses to read the autoencoder as a package of torch, code and all, which is tried before weights alone are."""
    raise ValueError(f"expected a file of weights, got {location}")


def complete(load_state_dict):
    """Returns upstream's function, but with an error where it warns that the file lacks parameters of the network."""

    def missing(network, keys):
        lacking = [name for name, _ in network.named_parameters() if name in keys.missing_keys]
        if lacking:
            what = f"{len(lacking)} parameters, such as {lacking[0]}"
            raise RuntimeError(f"expected HunyuanVideo-Foley's weights, got a file without {what}")

    def loaded(network, path):
        network.register_load_state_dict_post_hook(missing)
        return load_state_dict(network, path)

    return loaded


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
