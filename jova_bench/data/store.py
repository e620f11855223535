"""The folder that `prepare` writes: settings, scanned videos and judged clips as lines, and the clips themselves.

OUT/prepare.json     settings
OUT/videos.jsonl     a line per scanned video
OUT/manifest.jsonl   a line per clip, kept or rejected
OUT/clips/ID.mp4     kept clips, H.264 and FLAC
OUT/tracks/ID.npz    their mouth boxes
OUT/samples/ID.jpg   the middle frame of every clip that was judged
OUT/report.html      a page of all of this

Lines are appended whole and repaired after a kill; other files appear by rename. When all clips are judged, the lines
are put into the order of the videos, so that the same videos give the same bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import numpy.typing as npt

from jova_bench.data.records import ClipRecord, ScannedVideo, Settings
from jova_bench.errors import BenchError
from jova_bench.files.lines import records, repair
from jova_bench.files.locks import Busy, acquire
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import as_record, read_json
from jova_bench.files.writing import remove_parts, write_file

SETTINGS, VIDEOS, MANIFEST, LOCK = "prepare.json", "videos.jsonl", "manifest.jsonl", ".lock"
CLIPS, TRACKS, SAMPLES, PAGE = "clips", "tracks", "samples", "report.html"


class PreparedFolder:
    """The one writer of a folder, from `with` to its end."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Stores the folder and what its clips are made with; writes nothing yet."""
        self.folder, self.settings = folder, settings
        self._lock: IO[str] | None = None

    def __enter__(self) -> PreparedFolder:
        """Locks the folder and repairs it. Raises BenchError for one of something else, or of other settings."""
        _check_ours(self.folder)
        try:
            for name in ("", CLIPS, TRACKS, SAMPLES):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self._lock = acquire(self.folder / LOCK)
        except OSError as error:
            what = f"got {shown_path(self.folder)}: {error.strerror}"
            raise BenchError(f"expected a folder to write clips in, {what}") from error
        except Busy as error:
            raise BenchError(f"another process (pid {error.holder}) is writing {shown_path(self.folder)}") from error
        try:
            self._settle()
        except BaseException:
            self._lock.close()
            raise
        remove_parts(self.folder)
        for name in (VIDEOS, MANIFEST):
            (self.folder / name).touch()
            repair(self.folder / name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unlocks the folder."""
        if self._lock is not None:
            self._lock.close()

    def videos(self) -> dict[str, ScannedVideo]:
        """Reads the scanned videos by their paths."""
        return {one.source: one for one in records(self.folder / VIDEOS, ScannedVideo)}

    def clips(self) -> dict[str, ClipRecord]:
        """Reads the judged clips by their ids."""
        return read_manifest(self.folder)

    def whole(self, clip: ClipRecord) -> bool:
        """Returns whether a clip has the files that its line promises; one that lost them is made again."""
        promised = (Path(CLIPS, f"{clip.id}.mp4"), Path(TRACKS, f"{clip.id}.npz"))
        return clip.status == "rejected" or all((self.folder / path).is_file() for path in promised)

    def add_video(self, video: ScannedVideo) -> None:
        """Appends a scanned video."""
        self._append(VIDEOS, video)

    def add_clip(self, clip: ClipRecord) -> None:
        """Appends a judged clip, whose files are there."""
        self._append(MANIFEST, clip)

    def put_in_order(self, sources: Iterable[str], ids: Iterable[str]) -> None:
        """Orders the lines of both files; what is not named follows, in the order in which it stands."""
        self._order(VIDEOS, self.videos(), sources)
        self._order(MANIFEST, self.clips(), ids)

    def _order(self, name: str, known: Mapping[str, ScannedVideo | ClipRecord], order: Iterable[str]) -> None:
        keys = dict.fromkeys([*(one for one in order if one in known), *known])
        text = "".join(f"{known[key].model_dump_json()}\n" for key in keys)
        if text.encode() != (self.folder / name).read_bytes():
            write_file(self.folder / name, text)

    def _append(self, name: str, record: ScannedVideo | ClipRecord) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(record.model_dump_json().encode() + b"\n")

    def _settle(self) -> None:
        """Writes the settings of a new folder; refuses one of others."""
        path = self.folder / SETTINGS
        if not path.exists():
            write_file(path, json.dumps(self.settings.model_dump(mode="json"), indent=2) + "\n")
            return
        old = as_record(Settings, read_json(path), str(path))
        if old != self.settings:
            before, now = old.model_dump(mode="json"), self.settings.model_dump(mode="json")
            name = next(key for key in now if before[key] != now[key])
            raise BenchError(
                f"expected the settings that {shown_path(self.folder)} was begun with, {name} = {before[name]}, "
                f"got {now[name]}; give them again or another --out"
            )


def read_manifest(folder: Path) -> dict[str, ClipRecord]:
    """Reads the judged clips of a folder by their ids, whether it is finished or not."""
    return {one.id: one for one in records(folder / MANIFEST, ClipRecord)}


def keep_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Writes arrays as npz; the file appears complete or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    write_file(path, buffer.getvalue())


def keep_image(path: Path, content: bytes) -> None:
    """Writes an encoded image; the file appears complete or not at all."""
    write_file(path, content)


def keep_page(folder: Path, text: str) -> None:
    """Writes `report.html`; the file appears complete or not at all."""
    write_file(folder / PAGE, text)


def _check_ours(folder: Path) -> None:
    """Refuses a folder of something else, to which thousands of files would be added."""
    if not folder.exists() or (folder / SETTINGS).is_file():
        return
    if not folder.is_dir():
        raise BenchError(f"expected a folder for --out, got the file {shown_path(folder)}; give another --out")
    ours = {CLIPS, TRACKS, SAMPLES, LOCK}
    other = next((path.name for path in sorted(folder.iterdir()) if path.name not in ours), None)
    if other is not None and not other.startswith("."):
        what = f"got {shown_path(folder)}, which has files ({other}) and no {SETTINGS}; give another --out"
        raise BenchError(f"expected a new folder or one that was begun by the same command, {what}")
