"""Chooses the tracks of a file that are scored, and estimates their decoded size from the headers."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from jova_bench.media.display import size_shown
from jova_bench.media.limits import Decoded
from jova_bench.records import Finding

if TYPE_CHECKING:
    from av.container import InputContainer


def choose(container: InputContainer) -> tuple[list[Any], list[tuple[Any, Finding]]]:
    """Chooses one video and one audio track, as players and ffmpeg do by default.

    A track that the file marks as default precedes one that it does not, then the largest video and the
    audio of most channels, then the first. (The ffmpeg program takes a picture of more than five million pixels more
    before the default one; players do not.) Covers and thumbnails are no pictures.

    Returns:
        The tracks, set to treat damage as an error (the decoders' default is to paint over it), and of those that
        are not the only one of their kind, a finding each.
    """
    from av.stream import Disposition

    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    kinds: list[tuple[str, str, list[Any]]] = [
        ("picture", "first of the largest", [*pictures]),
        ("sound", "first of most channels", [*container.streams.audio]),
    ]
    taken: list[Any] = []
    findings = []
    for kind, largest, tracks in kinds:
        if not tracks:
            continue
        track = max(tracks, key=lambda one: (bool(one.disposition & Disposition.default), _extent(one)))
        if track.codec_context is None:
            raise ValueError(f"no decoder for the {track.type} stream")
        track.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
        taken.append(track)
        if len(tracks) > 1:
            marked = sum(bool(one.disposition & Disposition.default) for one in tracks)
            why = "marked as default" if marked == 1 else f"{marked} are marked as default, and it is the {largest}"
            detail = f"{len(tracks)} {kind} tracks; number {tracks.index(track) + 1} is taken: {why}"
            findings.append((track, Finding(code=f"{kind}_tracks", detail=detail)))
    if not taken:
        raise ValueError("no video or audio stream")
    return taken, findings


def _extent(track: Any) -> int:
    """Returns the pixels of a video frame, or the number of audio channels."""
    context = track.codec_context
    if context is None:
        return 0
    return int(context.width * context.height if track.type == "video" else context.channels)


def expect(container: InputContainer, tracks: list[Any], pictures: bool, size: Decoded) -> int:
    """Refuses clips over the limit by their headers, before anything is decoded.

    Returns:
        How many frames there will be, as far as the headers say.
    """
    says = Decoded(size.limit)
    for track in tracks:
        seconds, context = _stated_s(container, track), track.codec_context
        if track.type == "audio":
            says.channels, says.rate_hz = context.channels, context.sample_rate
            says.samples = int(seconds * says.rate_hz)
            if context.name.startswith("pcm"):
                # A sample takes a byte at least. A writer to a pipe cannot know the length and states a huge one.
                says.samples = min(says.samples, container.size)
        elif pictures:
            says.width, says.height = size_shown(context.width, context.height, track.sample_aspect_ratio)
            says.frames = track.frames or int(seconds * (track.average_rate or 0))
            says.picture_s = seconds
    says.check()
    return says.frames


def _stated_s(container: InputContainer, track: Any) -> Fraction:
    """Returns the length in s that the headers state for a track, 0 without; the container's is its longest track's."""
    import av

    if track.duration is not None:
        return Fraction(max(track.duration, 0) * track.time_base)
    # Matroska keeps the lengths of tracks in their tags.
    length = re.fullmatch(r"(\d{1,5}):(\d\d):(\d\d(?:\.\d{1,9})?)", track.metadata.get("DURATION", ""), re.ASCII)
    if length:
        return int(length[1]) * 3600 + int(length[2]) * 60 + Fraction(length[3])
    alone = len(container.streams) == 1
    return Fraction(max(container.duration or 0, 0), av.time_base) if alone else Fraction(0)
