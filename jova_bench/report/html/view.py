"""Summarises one clip for its page: thumbnail, audio outline, mouth curves, and transcripts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jova_bench.arrays import Arrays
from jova_bench.assets.table import AssetTable
from jova_bench.cache import CacheKey, DiskCache, FeatureCache, NoCache
from jova_bench.errors import BenchError, Unavailable, Undefined, reason_of
from jova_bench.identity import Identity
from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.metrics.base import MetricContext, in_domain
from jova_bench.metrics.build import build
from jova_bench.metrics.lip_sync import mouth_correlation as mouth
from jova_bench.metrics.networks import shipped_weights
from jova_bench.metrics.speech.recognition import SpeechErrors
from jova_bench.prompts import Prompt
from jova_bench.records import Profile

BINS = 240
"""Number of steps of the audio outline."""
THUMB_PX = 160
"""Longer side of a thumbnail; a smaller frame stays as it is."""
CURVE_HZ = 25
"""Points of a mouth curve per second."""


@dataclass(frozen=True)
class Heard:
    """Holds the transcript of one recogniser, or the reason why there is none."""

    text: str | None
    reason: str | None


@dataclass(frozen=True)
class View:
    """Holds all that a page shows of a clip besides its scores."""

    seconds: float
    size: tuple[int, int] | None
    """Width and height in pixels; None without video."""
    outline: tuple[tuple[float, float], ...]
    """Lowest and highest sample of each step; empty without audio."""
    opening_seen: tuple[float, ...]
    """Mouth opening in [0, 1] at 25 a second, by the embedded mouth reader."""
    opening_heard: tuple[float, ...]
    """Mouth opening as predicted from audio alone; empty for a silent clip."""
    no_mouth: str | None
    """Reason why there is no curve."""
    heard: Mapping[str, Heard]
    """Transcripts by metric identity."""
    thumb: bytes
    """Thumbnail as JPEG; empty without video."""


@dataclass(frozen=True)
class Look:
    """Describes one clip to view."""

    key: str
    path: Path
    digest: str | None
    """`Clip.digest`, the key of views in the run's cache."""
    prompt: Prompt | None
    domain: str | None
    """Domain of the run's suite."""


@dataclass(frozen=True)
class Looking:
    """Picklable initialiser of workers that make views."""

    features: Path
    profile: Profile
    recognisers: tuple[str, ...]
    """Names of the run's speech recognition metrics."""
    identities: frozenset[Identity]
    """Identities of the run: a recogniser of another identity did not measure it."""
    assets: AssetTable
    """Weights, whose digests are part of identities."""

    def __call__(self) -> Callable[[Look], View | str]:
        """Returns the function that makes a view of one clip, or the reason why there is none."""
        # A network of the papers is not run for a report: what it heard was kept when it measured.
        cache = Shown(self.features)
        kept = cache if self.profile == "embedded" else Kept(self.features)
        return partial(_look, cache, _listeners(self, kept))


class Shown(DiskCache):
    """Keeps what it computes where the folder takes it: a run that others own is shown, too."""

    def _store(self, path: Path, content: bytes) -> None:
        with suppress(OSError):
            super()._store(path, content)


class Kept(DiskCache):
    """Reads what a run cached and computes nothing."""

    def get(self, digest: str, extractor: CacheKey | str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the stored arrays. Raises Unavailable without them."""

        def absent() -> Arrays:
            raise Unavailable("the recognised words are no longer in the run folder")

        return super().get(digest, extractor, absent)


def _listeners(looking: Looking, cache: FeatureCache) -> list[SpeechErrors]:
    try:
        context = MetricContext(cache, assets=looking.assets)
        metrics = build(looking.recognisers, looking.profile, context) if looking.recognisers else []
    except BenchError:  # A metric of another version, or of a package that is gone.
        return []
    return [one for one in metrics if isinstance(one, SpeechErrors) and one.spec.identity in looking.identities]


class _Passing(Exception):
    """Raised with a view that may be complete another time: it is shown, not cached."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view


def _look(cache: FeatureCache, listeners: list[SpeechErrors], look: Look) -> View | str:
    asked = (look.domain, look.prompt and look.prompt.language, *sorted(one.spec.identity for one in listeners))
    key = f"view@1 with {shipped_weights.extractor(mouth.READER)} of {asked}"
    kept = cache if look.digest else NoCache()
    try:
        return _restored(kept.get(look.digest or "", key, lambda: _arrays(_view(cache, listeners, look))))
    except _Passing as passing:
        return passing.view
    except BenchError as error:
        # Pages name clips without their folders, which are private.
        return str(error).replace(str(look.path), look.path.name)


def _arrays(view: View) -> Arrays:
    if any(heard.text is None for heard in view.heard.values()):
        raise _Passing(view)
    text = json.dumps(vars(view) | {"thumb": view.thumb.hex(), "heard": _texts(view)})
    return {"view": np.frombuffer(text.encode(), np.uint8)}


def _texts(view: View) -> dict[str, str | None]:
    return {identity: heard.text for identity, heard in view.heard.items()}


def _restored(arrays: Arrays) -> View:
    kept = json.loads(arrays["view"].tobytes())
    return View(
        seconds=kept["seconds"],
        size=kept["size"] and tuple(kept["size"]),
        outline=tuple((low, high) for low, high in kept["outline"]),
        opening_seen=tuple(kept["opening_seen"]),
        opening_heard=tuple(kept["opening_heard"]),
        no_mouth=kept["no_mouth"],
        heard={identity: Heard(text, None) for identity, text in kept["heard"].items()},
        thumb=bytes.fromhex(kept["thumb"]),
    )


def _view(cache: FeatureCache, listeners: list[SpeechErrors], look: Look) -> View:
    clip = media.read(look.path)
    clip = replace(clip, in_domain=in_domain(clip, look.domain))
    seen, heard, no_mouth = _mouth(clip, cache)
    return View(
        seconds=clip.seconds,
        size=None if clip.frames is None else (clip.frames.shape[2], clip.frames.shape[1]),
        outline=outline(clip),
        opening_seen=seen,
        opening_heard=heard,
        no_mouth=no_mouth,
        heard={one.spec.identity: _transcript(one, clip, look.prompt) for one in listeners} if look.prompt else {},
        thumb=b"" if clip.frames is None else jpeg(clip.frames[len(clip.frames) // 2]),
    )


def outline(clip: Clip) -> tuple[tuple[float, float], ...]:
    """Returns the (BINS, 2) lowest and highest samples of equal parts of the mono mix; empty without one."""
    try:
        mono = clip.mono()
    except Undefined:
        return ()
    parts = np.array_split(mono, min(BINS, len(mono)))
    return tuple((round(float(part.min()), 3), round(float(part.max()), 3)) for part in parts)


def _mouth(clip: Clip, cache: FeatureCache) -> tuple[tuple[float, ...], tuple[float, ...], str | None]:
    """Returns the mouth opening from video, that from audio, and the reason why there is no curve."""
    try:
        seen, heard = mouth.openings(clip, cache, "cpu")
        return _rounded(seen), _rounded(heard), None
    except Undefined:
        pass  # Nothing is heard; what is seen can still be shown.
    except Exception as error:
        return (), (), reason_of(error)
    try:
        return _rounded(mouth.opening_seen(clip, cache, "cpu")), (), None
    except Exception as error:
        return (), (), reason_of(error)


def _rounded(curve: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in np.clip(curve, 0, 1))


def _transcript(listener: SpeechErrors, clip: Clip, prompt: Prompt) -> Heard:
    try:
        return Heard(listener.heard(clip, prompt.language), None)
    except Exception as error:
        return Heard(None, reason_of(error))


def jpeg(frame: npt.NDArray[np.uint8]) -> bytes:
    """Encodes (H, W, 3) RGB as a small JPEG, deterministically."""
    import av
    from av.video.codeccontext import VideoCodecContext

    scale = min(1.0, THUMB_PX / max(frame.shape[:2]))
    height, width = (max(2, round(side * scale / 2) * 2) for side in frame.shape[:2])
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    picture = picture.reformat(width=width, height=height, format="yuvj420p")
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.time_base = width, height, "yuvj420p", Fraction(1, 1)
    codec.options = {"flags": "+qscale+bitexact"}
    codec.global_quality = 4 * 118
    out = io.BytesIO()
    for packet in (*codec.encode(picture), *codec.encode(None)):
        out.write(bytes(packet))
    return out.getvalue()
