"""Writes a page of a run that goes on again and again, and the run's pages when it has finished."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jova_bench.errors import BenchError
from jova_bench.files.writing import rewrite_file
from jova_bench.formatting.text import counted
from jova_bench.progress import Advance, Progress
from jova_bench.records import Sample
from jova_bench.report.html.folder import check_target, link, replacing_folder
from jova_bench.report.html.pages import environment
from jova_bench.report.html.site import DEFAULT, plotly_script
from jova_bench.report.html.site import STATIC as COMMON
from jova_bench.report.html.takes import clip_source
from jova_bench.report.live.page import STATES, moment, render_parts, state_of, times, what_to_do
from jova_bench.runs.following import Followed, Look
from jova_bench.runs.store import MANIFEST, RunStore

if TYPE_CHECKING:
    import jinja2

STATIC = Path(__file__).parent / "static"
EVERY_S = 2.0
"""Seconds between two looks."""
KEPT = 30
"""Clips that stay beside the page, of which it shows the latest."""
SHARE = 4
"""A look that takes long is followed by a rest of so many times its length: a large run is looked at less often."""


def watch(
    run_folder: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    write: Callable[[Path, Progress], Path],
    progress: Progress,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Keeps a live page of a run until it has finished, then writes its pages in the same place; returns the first.

    Args:
        run_folder: folder of the run, which may be about to begin.
        target: folder of the pages, new or an earlier report; None for `report` in the run.
        write: writes the pages of the finished run into a folder.
        progress: shows progress.
        pause: waits so many seconds.

    Raises:
        BenchError: the folder is no run, the target is something else or was deleted, or a package is missing.
    """
    run_folder = Path(run_folder)
    target = Path(target) if target is not None else run_folder / DEFAULT
    env, _ = environment(), plotly_script()
    _wait(run_folder, progress, pause)
    check_target(target)
    followed = Followed(run_folder)
    look = followed.look()
    if look.state == "finished":
        return write(target, progress)
    with _Page.opened(env, run_folder, target, look) as page:
        progress.say(f"watching {run_folder}: open {target / 'index.html'}; Ctrl-C ends the watch, not the run")
        took = 0.0
        finished = False
        while not finished:
            pause(page.rest(took))
            began = time.monotonic()
            try:
                look = followed.look()
                page.show(look)
                finished = look.state == "finished"
            except (BenchError, OSError) as error:  # It may be put right while this goes on.
                page.trouble(error, progress)
            took = time.monotonic() - began
        page.say("finished")
        return write(target, _OnPage(page, progress))


def _wait(run_folder: Path, progress: Progress, pause: Callable[[float], None]) -> None:
    """Waits for a run to begin. Raises BenchError for a folder in which none can."""
    if not (run_folder / MANIFEST).exists():
        RunStore(run_folder).check()
        progress.say(f"waiting for a run to begin in {run_folder}; Ctrl-C ends that")
    while not (run_folder / MANIFEST).exists():
        pause(EVERY_S)


class _Page:
    """A live page: `index.html` with all of it, and `state.js` with what changes, each replaced as a whole."""

    def __init__(self, env: jinja2.Environment, run_folder: Path, target: Path, look: Look) -> None:
        self._env, self._run, self._target, self._look = env, run_folder, target, look
        self._clips: dict[tuple[Any, ...], str] = {}
        self._parts: dict[str, str] = {}
        self._beat, self._every_s, self._number = 0, EVERY_S, 0
        self._told = ""

    @classmethod
    @contextmanager
    def opened(cls, env: jinja2.Environment, run_folder: Path, target: Path, look: Look) -> Iterator[_Page]:
        """Puts the page where an earlier report may be; however the block ends, the page says that it did."""
        page = cls(env, run_folder, target, look)
        with replacing_folder(target) as part:
            shutil.copyfile(COMMON / "report.css", part / "report.css")
            for path in STATIC.iterdir():
                shutil.copyfile(path, part / path.name)
            (part / "clips").mkdir()
            page._target = part
            page.show(look, render=True)
        page._target = target
        try:
            yield page
        except BaseException as error:
            with suppress(OSError, BenchError):
                page.say("left", str(error) if isinstance(error, BenchError) else "", watched=False)
            raise

    def rest(self, took: float) -> float:
        """Returns the seconds until the next look, after one that took so many."""
        self._every_s = max(EVERY_S, SHARE * took)
        return self._every_s

    def show(self, look: Look, render: bool = False) -> None:
        """Shows a look at the run; where nothing changed, only that it was looked at."""
        if render or look is not self._look:
            self._parts = render_parts(self._env, look, self._linked(look))
            self._look = look  # Now: one that could not be shown is shown when it can.
            self._unlink()
        self.say(state_of(look))

    def say(self, state: str, more: str = "", watched: bool = True) -> None:
        """Shows a state of STATES, with a reason or a number, above what was shown before."""
        manifest, now = self._look.manifest, time.time()
        self._beat += 1
        says = ": ".join(filter(None, (STATES[state], more)))
        if not watched:
            says += f". This page is of {moment(now)}"
        elif state == "stopped":
            says += f". {what_to_do(self._look)}"
        made, asked = (sum(getattr(one, name) for one in self._look.models) for name in ("tried", "asked"))
        shown: dict[str, Any] = {
            "state": state,
            "says": f"{says}.",
            "times": times(self._look, now),
            "parts": self._parts,
        }
        shown["title"] = f"{made} of {asked}: {manifest.suite}"
        text = self._env.get_template("live.html").render(
            shown,
            root="",
            every_s=round(self._every_s),
            suite=manifest.suite,
            profile=manifest.profile,
            prompts=f"suite of {counted(len(manifest.prompts), 'prompt')}",
            seeds=counted(len(manifest.seeds), "seed"),
        )
        rewrite_file(self._target / "index.html", text)
        shown |= {"beat": self._beat, "every_s": self._every_s, "watched": watched}
        # Escapes leave ASCII alone, of which JSON is a part of JavaScript.
        rewrite_file(self._target / "state.js", f"jovaLive({json.dumps(shown)});\n")

    def trouble(self, error: BenchError | OSError, progress: Progress) -> None:
        """Shows what keeps a look from the page; where the page takes nothing, says it once.

        Raises:
            BenchError: the folder of the page was deleted.
        """
        try:
            self.say("broken", _words(error))
        except OSError as fault:
            if not self._target.is_dir():
                raise BenchError(
                    f"expected the folder of the page to stay, got none in {self._target}; repeat the command"
                ) from error
            if self._told != (line := f"the page cannot be written: {_words(fault)}; it goes on when it can"):
                progress.say(line)
            self._told = line

    def _linked(self, look: Look) -> dict[int, str]:
        """Puts the latest clips beside the page; returns their files, by their place in the look."""
        found: dict[int, str] = {}
        for place, sample in enumerate(look.latest):
            key = (sample.key, sample.attempt, sample.clip_digest)
            if key not in self._clips and (name := self._link(sample)):
                self._clips[key] = name
            if key in self._clips:
                found[place] = self._clips[key]
        return found

    def _link(self, sample: Sample) -> str:
        source = clip_source(self._run, sample)
        if isinstance(source, str):
            return ""
        self._number += 1
        name = f"clips/{self._number:06d}{source.suffix.lower()}"
        link(source.resolve(), self._target / name)
        return name

    def _unlink(self) -> None:
        """Removes clips that the page showed long ago: a browser may be about to read those of the latest looks."""
        for key in list(self._clips)[:-KEPT]:
            (self._target / self._clips.pop(key)).unlink(missing_ok=True)


def _words(error: BenchError | OSError) -> str:
    """Formats what went wrong, of a fault of the system which file it is about."""
    if isinstance(error, BenchError):
        return str(error)
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part is not None)


class _OnPage:
    """Shows the progress of what takes the page's place on the page, too."""

    def __init__(self, page: _Page, progress: Progress) -> None:
        self._page, self._progress, self._said = page, progress, 0.0

    def say(self, line: str) -> None:
        """Prints one line."""
        self._progress.say(line)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Advance]:
        """Shows a phase; the page has its state every few seconds."""
        done = 0
        with self._progress.phase(title, total) as advance:

            def both() -> None:
                nonlocal done
                advance()
                done += 1
                if time.monotonic() - self._said >= EVERY_S:
                    self._said = time.monotonic()
                    self._page.say("finished", f"{title}, {done} of {total}")

            yield both
