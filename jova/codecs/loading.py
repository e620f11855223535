"""One door to all codecs: reads a file or folder by what it is.

video-codec.safetensors                a codec of our own
a folder of AutoencoderKLWan, or of a pipeline with such a part `vae`          Wan
a folder with the parts `audio_vae` and `vocoder`: AutoencoderKLLTX2Audio      LTX-2
                                                   MMAudioVAE                  MMAudio
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from safetensors import SafetensorError, safe_open

from jova.codecs import audio, ltx_audio, mmaudio, video, wan
from jova.codecs.base import PictureCodec, SoundCodec
from jova.codecs.pretrained import class_of

PICTURE = f"{video.KIND} file, or a folder of {wan.CLASS}"
SOUND = f"{audio.KIND} file, or a folder of {ltx_audio.CLASS} or {mmaudio.CLASS} with its vocoder"


def load_video_codec(path: Path) -> PictureCodec:
    """Reads a video codec, on the CPU in float32; `.to` moves it.

    Args:
        path: file of `VideoCodec.save`; or folder of an `AutoencoderKLWan`, or of a pipeline that has one as `vae`.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ModuleNotFoundError: diffusers is not installed.
        ValueError: it is something else, or damaged.
    """
    kind, folder = kind_of(path, "vae")
    if kind == video.KIND:
        return video.VideoCodec.load(path)
    if kind == wan.CLASS:
        return wan.WanCodec.load(folder)
    raise ValueError(f"expected a video codec, which is a {PICTURE}, got {kind or 'something else'} in {path}")


def load_audio_codec(path: Path, accept: Collection[str] = ()) -> SoundCodec:
    """Reads an audio codec, on the CPU in float32; `.to` moves it.

    Args:
        path: file of `AudioCodec.save`; or folder of an LTX-2 pipeline, or of `mmaudio_convert`, or with the same two
            parts, `audio_vae` and `vocoder`.
        accept: licence terms that the user accepts: MMAudio's weights are "non-commercial".

    Raises:
        FileNotFoundError: there is no such file or folder.
        ModuleNotFoundError: diffusers is not installed.
        PermissionError: terms are not accepted.
        ValueError: it is something else, or damaged.
    """
    kind, folder = kind_of(path, "audio_vae")
    if kind == audio.KIND:
        return audio.AudioCodec.load(path)
    if kind in (ltx_audio.CLASS, mmaudio.CLASS):
        # The vocoder is a neighbour of the VAE's folder, whichever of the two folders was named.
        whole = folder.parent
        return (
            ltx_audio.LTXAudioCodec.load(whole) if kind == ltx_audio.CLASS else mmaudio.MMAudioCodec.load(whole, accept)
        )
    raise ValueError(f"expected an audio codec, which is a {SOUND}, got {kind or 'something else'} in {path}")


def kind_of(path: Path, part: str) -> tuple[str | None, Path]:
    """Returns what a path holds, and where.

    Returns:
        The format that a safetensors file names, or the class that diffusers saved, None if neither is known; and the
        path of that file or folder, which may be the part of that name.
    """
    if path.is_dir():
        folder = path / part if class_of(path) is None else path
        return class_of(folder), folder.absolute()  # Not resolved: parts may be links to elsewhere.
    if not path.is_file():
        raise FileNotFoundError(f"expected a codec at {path}, got no file or folder")
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format"), path
    except SafetensorError as error:
        raise ValueError(f"expected a safetensors file or a folder, got {path}, which is neither: {error}") from None
