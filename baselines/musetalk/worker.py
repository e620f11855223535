"""Runs MuseTalk in its own environment, by the functions that its scripts/inference.py drives (@0a89dec).

That script loads all networks for a list of films, hands paths to a shell, logs what goes wrong and goes on, and
encodes twice. What is made here is what it makes of one film before it encodes it, on a CPU bit for bit, except that a
film with a picture without a face is an error: upstream then pastes each face into the place of another.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

SIDE = 256
"""Pixels of a face."""


def load(weights, device, options):
    """Loads the networks. Upstream finds some of their files from where it stands: beside links to them, then."""
    os.environ["TORCH_HOME"] = f"{weights}/torch"
    import torch

    checkout = Path.cwd()
    with TemporaryDirectory() as folder:
        Path(folder, "models").symlink_to(weights)
        Path(folder, "musetalk").symlink_to(checkout / "musetalk")
        os.chdir(folder)
        try:
            return _loaded(torch.device(device), options)
        finally:
            os.chdir(checkout)


def _loaded(device, options):
    """Returns the networks, and the functions whose modules load one of them at import."""
    import torch
    from musetalk.utils.audio_processor import AudioProcessor
    from musetalk.utils.face_parsing import FaceParsing
    from musetalk.utils.preprocessing import coord_placeholder, get_landmark_and_bbox
    from musetalk.utils.utils import load_all_model
    from transformers import WhisperModel

    vae, unet, positions = load_all_model(
        unet_model_path="models/musetalkV15/unet.pth",
        vae_type="sd-vae",
        unet_config="models/musetalkV15/musetalk.json",
        device=device,
    )
    if options["half"]:
        positions, vae.vae, unet.model = positions.half(), vae.vae.half(), unet.model.half()
    positions, vae.vae, unet.model = positions.to(device), vae.vae.to(device), unet.model.to(device)
    whisper = WhisperModel.from_pretrained("models/whisper").to(device=device, dtype=unet.model.dtype).eval()
    return SimpleNamespace(
        device=device,
        vae=vae,
        unet=unet.model,
        positions=positions,
        sound=AudioProcessor(feature_extractor_path="models/whisper"),
        whisper=whisper.requires_grad_(False),
        parsing=FaceParsing(left_cheek_width=options["left_cheek"], right_cheek_width=options["right_cheek"]),
        get_landmark_and_bbox=get_landmark_and_bbox,
        no_face=coord_placeholder,
        start=torch.tensor([0], device=device),
    )


def generate(model, seed, folder, frames, fps, margin, parsing, batch, audio, video):
    """Generates frames (T, H, W, 3) for the length of the audio. The VAE's noise comes from the global generator."""
    import numpy as np
    import torch
    from musetalk.utils.blending import get_image

    with torch.no_grad():
        pictures, boxes = _seen(model, video, Path(folder, "film"), frames, margin)
        faces = _painted(model, pictures, boxes, audio, fps, batch)[:frames]
    shown = []
    for picture, box, face in zip(_to_and_fro(pictures, frames), _to_and_fro(boxes, frames), faces):
        pasted = get_image(
            picture, _resized(face, box[2] - box[0], box[3] - box[1]), box, mode=parsing, fp=model.parsing
        )
        shown.append(pasted[:, :, ::-1])
    return {"frames": np.stack(shown), "fps": fps}


def _seen(model, video, folder, frames, margin):
    """Returns the film's pictures (H, W, 3) in BGR and the box of each one's face, [left, top, right, bottom].

    Of a film that is longer than its sound, upstream looks at the rest and leaves it out.
    """
    folder.mkdir()
    wanted = ["-frames:v", str(frames), "-start_number", "0", str(folder / "%08d.png")]
    command = ["ffmpeg", "-v", "fatal", "-i", video, *wanted]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    files = sorted(map(str, folder.glob("*.png")))
    boxes, pictures = model.get_landmark_and_bbox(files)
    if model.no_face in boxes:
        raise RuntimeError(f"MuseTalk found no face in picture {boxes.index(model.no_face)} of the film")
    lower = [min(box[3] + margin, picture.shape[0]) for box, picture in zip(boxes, pictures)]
    return pictures, [[*box[:3], bottom] for box, bottom in zip(boxes, lower)]


def _painted(model, pictures, boxes, audio, fps, batch):
    """Returns a face (256, 256, 3) in BGR for each frame of the sound."""
    from musetalk.utils.utils import datagen

    faces = [picture[top:bottom, left:right] for picture, (left, top, right, bottom) in zip(pictures, boxes)]
    latents = [model.vae.get_latents_for_unet(_resized(face, SIDE, SIDE, fine=True)) for face in faces]
    dtype = model.unet.dtype
    features, samples = model.sound.get_audio_feature(audio)
    chunks = model.sound.get_whisper_chunk(features, model.device, dtype, model.whisper, samples, fps=fps)
    made = []
    for heard, seen in datagen(chunks, latents + latents[::-1], batch, device=model.device):
        told = model.positions(heard)
        latent = model.unet(seen.to(dtype=dtype), model.start, encoder_hidden_states=told).sample
        made += list(model.vae.decode_latents(latent))
    return made


def _resized(picture, width, height, fine=False):
    import cv2

    return cv2.resize(picture, (width, height), **({"interpolation": cv2.INTER_LANCZOS4} if fine else {}))


def _to_and_fro(items, count):
    """Returns so many items, forwards and backwards."""
    around = [*items, *items[::-1]]
    return [around[k % len(around)] for k in range(count)]
