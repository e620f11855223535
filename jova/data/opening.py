"""Opens media files to read them; what cannot be decoded raises one line that has its path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer

FORMS = {
    "a picture": "mp4, mkv, mov, webm, png or jpg",
    "a video": "mp4, mkv, mov or webm",
    "sound": "mp4, mkv, mov, webm, wav or flac",
}
"""What is read of a file: examples of files that have it."""


@contextmanager
def opened(path: Path, what: Literal["a picture", "a video", "sound"]) -> Iterator[InputContainer]:
    """Opens a file of which one picture, all of them, or sound is read.

    Raises:
        ValueError: there is no such file, it has no such stream, or what the block reads of it cannot be decoded.
    """
    wanted, advice = f"expected a file with {what}", f"give another, such as {FORMS[what]}"
    try:
        with av.open(str(path)) as container:
            if not (container.streams.audio if what == "sound" else container.streams.video):
                raise ValueError(f"{wanted}, got none in {path}; {advice}")
            yield container
    except FileNotFoundError as error:
        raise ValueError(f"{wanted}, got no file at {path}; give the path of one") from error
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"{wanted}, got {path}, which cannot be decoded: {error.strerror}; {advice}") from error
    except StopIteration as error:
        raise ValueError(f"{wanted}, got {path}, which has no frame; {advice}") from error
