"""Writes a study: pages for raters, the key to them, and a folder for answers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from jova_bench.errors import BenchError
from jova_bench.execution.base import TaskFailed
from jova_bench.execution.processes import available_cores, on_cpu
from jova_bench.files.writing import check_writable, part_of
from jova_bench.keys import SampleKey
from jova_bench.progress import Progress, Quiet
from jova_bench.prompts import Prompt
from jova_bench.report.html.pages import environment
from jova_bench.report.html.takes import clip_source, prompts_of
from jova_bench.report.vote.clips import Copy, begun, fill
from jova_bench.report.vote.pairs import Pair, Pairs, booklets, pairs_of
from jova_bench.runs.store import Run, read_run
from jova_bench.votes.study import ANSWERS, KEY, PAGES, Ask, Key, ShownClip, read_ask

STATIC = Path(__file__).parent / "static"
DEFAULT = "vote"
"""Folder of the study inside a run."""
MOMENT = 1_000_000_000.0
"""Time that all files of clips have, in seconds since 1970: theirs would tell in which order they were made."""


def write_vote(
    run_folder: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    questions: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes a blind study of a run's clips and returns its folder.

    Its `pages` are static and tell no model: clips have random numbers, one encoder, one size of all files of a prompt
    and one time; their models stand in `key.json`, which is not for raters.

    Args:
        run_folder: folder of the run.
        target: new folder; None for `vote` in the run.
        questions: TOML file of what is asked; None for sync, speech, picture and all in all.
        workers: processes that make clips, 0 for none; None for one per core.
        progress: shows progress.

    Raises:
        BenchError: the folder holds no run with clips of two models, the target is not new, or a package is missing.
    """
    run_folder, progress = Path(run_folder), progress or Quiet()
    target = Path(target) if target is not None else run_folder / DEFAULT
    env, ask, run = environment(), read_ask(questions), read_run(run_folder)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BenchError(
            f"expected a new folder, got {target}: a study that has begun stays as it is; name another one"
        )
    check_writable(target.parent)
    pairs = pairs_of(run.samples, ask)
    part = part_of(target)
    try:
        (part / PAGES / "clips").mkdir(parents=True)
        (part / ANSWERS).mkdir()
        numbers = {key: secrets.token_hex(8) for key in pairs.clips}
        made = _clips(run_folder, run, numbers, part / PAGES / "clips", workers, progress)
        pairs = pairs.of(frozenset(made))
        if not pairs.votes:
            raise BenchError(f"expected clips of two models for one prompt, got none in {run_folder}")
        if ask.checks and not pairs.checks:
            progress.say("no attention checks: the run has no clips of real beside shuffled or still")
        dealt = booklets(pairs, ask, SystemRandom())
        key = _key(run, ask, pairs, numbers, len(dealt))
        page = env.get_template("vote.html").render(data=_data(key, dealt, numbers, prompts_of(run)))
        (part / PAGES / "index.html").write_text(page, encoding="utf-8")
        for path in STATIC.iterdir():
            shutil.copyfile(path, part / PAGES / path.name)
        record = key.model_dump(mode="json", by_alias=True)
        (part / KEY).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        raise BenchError(f"expected a folder that can be written, got {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _clips(
    folder: Path, run: Run, numbers: Mapping[SampleKey, str], into: Path, workers: int | None, progress: Progress
) -> list[SampleKey]:
    """Makes the clips, in an order that says nothing, and returns those that can be shown."""
    samples = {sample.key: sample for sample in run.samples}
    by_number = {number: key for key, number in sorted(numbers.items(), key=lambda item: item[1])}
    sources = {number: clip_source(folder, samples[key]) for number, key in by_number.items()}
    jobs = [Copy(n, source, into / f"{n}.mp4") for n, source in sources.items() if isinstance(source, Path)]
    lost = {number: source for number, source in sources.items() if isinstance(source, str)}
    count = min(available_cores() if workers is None else workers, len(jobs))
    with progress.phase("make clips", len(jobs)) as advance:
        for job, why in on_cpu(count).map(jobs, begun):
            if why is not None:
                lost[job.key] = why.reason if isinstance(why, TaskFailed) else why
            advance()
    for number, why in lost.items():
        progress.say(f"left out: {', '.join(map(str, by_number[number]))}: {why}")
        (into / f"{number}.mp4").unlink(missing_ok=True)
    shown = {number: key for number, key in by_number.items() if number not in lost}
    alike: dict[tuple[str, int], list[Path]] = {}
    for number, key in shown.items():
        alike.setdefault((key.prompt_id, key.seed), []).append(into / f"{number}.mp4")
    for paths in alike.values():
        fill(paths)
        for path in paths:
            os.utime(path, (MOMENT, MOMENT))
    return list(shown.values())


def _key(run: Run, ask: Ask, pairs: Pairs, numbers: Mapping[SampleKey, str], count: int) -> Key:
    clips = {numbers[key]: ShownClip(model=key.model, prompt_id=key.prompt_id, seed=key.seed) for key in pairs.clips}
    return Key(
        schema=1,
        study=secrets.token_hex(6),
        suite=run.manifest.suite,
        questions=ask.questions,
        booklets=count,
        clips=dict(sorted(clips.items())),
    )


def _data(
    key: Key, dealt: Sequence[Sequence[Pair]], numbers: Mapping[SampleKey, str], prompts: Mapping[str, Prompt]
) -> dict[str, Any]:
    """Returns what the page knows: numbers of clips, sorted within a pair, and the prompts' texts."""
    return {
        "study": key.study,
        "questions": [{"id": one.id, "text": one.text} for one in key.questions],
        "booklets": [
            [
                {"clips": sorted(numbers[clip] for clip in pair), "text": _text(prompts[pair[0].prompt_id])}
                for pair in booklet
            ]
            for booklet in dealt
        ],
    }


def _text(prompt: Prompt) -> dict[str, str]:
    texts = {"says": prompt.transcript, "shows": prompt.video_caption, "sounds": prompt.audio_caption}
    return {name: text for name, text in texts.items() if text.strip()}
