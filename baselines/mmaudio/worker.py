"""Runs MMAudio in its own environment, through the functions that its demo.py drives (@974010a)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


def load(weights, device, options):
    """Loads the networks. The upstream would search the working folder and download missing files."""
    import torch
    from mmaudio.eval_utils import all_model_cfg
    from mmaudio.model.networks import get_my_mmaudio
    from mmaudio.model.utils.features_utils import FeaturesUtils

    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    variant = all_model_cfg[options["variant"]]
    dtype = torch.float32 if options["full_precision"] else torch.bfloat16
    vocoder = variant.bigvgan_16k_path
    with torch.inference_mode():
        net = get_my_mmaudio(variant.model_name).to(device, dtype).eval()
        net.load_weights(torch.load(Path(weights, variant.model_path), map_location=device, weights_only=True))
        features = FeaturesUtils(
            tod_vae_ckpt=Path(weights, variant.vae_path),
            synchformer_ckpt=Path(weights, variant.synchformer_ckpt),
            bigvgan_vocoder_ckpt=None if vocoder is None else Path(weights, vocoder),
            enable_conditions=True,
            mode=variant.mode,
            need_vae_encoder=False,
        )
        features = features.to(device, dtype).eval()
    return SimpleNamespace(net=net, features=features, lengths=variant.seq_cfg, device=device)


def generate(model, seed, folder, prompt, negative_prompt, seconds, steps, cfg, video):
    """Generates one sample: audio alone. The upstream would also re-encode and cut the video."""
    import torch
    from mmaudio import eval_utils
    from mmaudio.model.flow_matching import FlowMatching

    net, lengths = model.net, model.lengths
    film = eval_utils.load_video(video, seconds, load_all_frames=False)
    # Lengths of what was read. One object serves all samples, and the networks use its last values.
    lengths.duration = film.duration_sec
    with torch.inference_mode():
        net.update_seq_lengths(lengths.latent_seq_len, lengths.clip_seq_len, lengths.sync_seq_len)
        made = eval_utils.generate(
            film.clip_frames.unsqueeze(0),
            film.sync_frames.unsqueeze(0),
            [prompt],
            negative_text=[negative_prompt],
            feature_utils=model.features,
            net=net,
            fm=FlowMatching(min_sigma=0, inference_mode="euler", num_steps=steps),
            rng=torch.Generator(device=model.device).manual_seed(seed),
            cfg_strength=cfg,
        )
    return {"audio": made[0], "rate_hz": lengths.sampling_rate}  # (1, 1, N)
