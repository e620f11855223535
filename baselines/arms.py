"""JoVA for sweeps: settings, trainings on a shared corpus, and generators with the weights of a training.

`jova.train` runs in its own process: after a kill its checkpoints remain, and the same command resumes. The
codecs are the shipped ones; the corpus and its latents are made once for all arms.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, get_args

from pydantic import BaseModel, Field

import jova as jova_package
from jova.sampling import Sampling
from jova_baselines.jova import JovaGenerator
from jova_baselines.weights import digest
from jova_bench.errors import BenchError
from jova_bench.files.locks import Busy, acquire
from jova_bench.files.reading import advising, as_record, read_json, read_json_lines
from jova_bench.files.writing import write_file
from jova_bench.sweep.model import Setting, Settings, Training, Value

DONE, LOCK, LOG, STEPS = "arm.json", ".lock", "train.log", "model.jsonl"
OURS = str(Path(jova_package.__file__ or "").resolve().parents[1])
"""Folder that contains the package `jova` of this process."""
TRAIN = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('jova.train', run_name='__main__', alter_sys=True)"
)
"""`python -m jova.train` of that package, not of a folder called jova in the working directory."""
FLAGS = ("preset", "steps", "clips", "mouth_weight", "mouth_box", "fusion", "positions", "words", "precision")
"""Settings that are flags of `jova.train`; `task` is another, for baselines."""


class JovaArms:
    """Trainings of JoVA that differ in a setting."""

    name = "jova"

    def __init__(self) -> None:
        from jova.config import (
            GUIDANCE,
            PRESETS,
            SAMPLER,
            STEPS,
            Fusion,
            MouthBox,
            Positions,
            Precision,
            Sampler,
            Words,
        )
        from jova.training.recipes import RECIPES

        recipe = RECIPES["ablation"]
        self.settings: tuple[Setting, ...] = (
            Setting("preset", "ablation", "size and recipe of the model", tuple(PRESETS)),
            Setting("steps", recipe.training.steps, "steps of the optimiser", least=1),
            Setting("clips", recipe.clips, "training clips", least=1),
            Setting("mouth_weight", 5.0, "lambda of the mouth-area loss", least=0),
            Setting("mouth_box", "mouth", "area of the mouth-area loss", get_args(MouthBox)),
            Setting("fusion", "joint", "interaction of audio and video", get_args(Fusion)),
            Setting("positions", "aligned", "temporal positions of audio and video", get_args(Positions)),
            Setting("words", "timed", "whether words have temporal positions in the audio", get_args(Words)),
            Setting("precision", "float32", "precision of activations in training", get_args(Precision)),
            Setting("guidance", GUIDANCE, "scale of classifier-free guidance; 1 disables it", least=0, sampling=True),
            Setting("sampler_steps", STEPS, "steps of the sampler", least=1, sampling=True),
            Setting("sampler", SAMPLER, "solver of the flow's ODE", get_args(Sampler), sampling=True),
        )

    def made_by(self, shipped: bool) -> Mapping[str, str]:
        """Returns format, codecs and presets; also the weights if nothing is trained."""
        from jova.codecs.base import WEIGHTS
        from jova.config import PRESETS, JovaConfig
        from jova.pipeline import FILES
        from jova.training.config import TrainConfig
        from jova.training.recipes import RECIPES
        from jova.transformer import KIND

        made = {"format": KIND, "codecs": digest(WEIGHTS, FILES[1:])}
        for name, preset in PRESETS.items():
            size = changed(vars(preset(("word",))), vars(JovaConfig(("word",))))
            made[name] = f"{size} {changed(RECIPES[name].training.stored(), TrainConfig(steps=1).stored())}"
        return made | {"weights": digest(WEIGHTS, FILES[:1])} if shipped else made

    def prepare(self, settings: Settings, shared: Path, threads: int) -> None:
        """Copies the shipped codecs, makes the corpus, encodes it: stages of `jova.train`, which skip what is done.

        On a terminal it shows progress: this takes minutes before the first training.

        Raises:
            BenchError: a package that makes the corpus is not installed (checked first), or a stage failed.
        """
        from jova.codecs.base import WEIGHTS
        from jova.data.splits import check_packages
        from jova.parts import FILES

        try:
            check_packages(shared / "corpus", int(settings["clips"]))
        except ModuleNotFoundError as error:
            raise BenchError(str(error)) from error
        shared.mkdir(parents=True, exist_ok=True)
        with _locked(shared) as lock:
            for name in FILES[1:]:
                shutil.copyfile(WEIGHTS / name, shared / name)
            for stage in ("corpus", "latents"):
                clips = ["--clips", str(settings["clips"]), "--threads", str(threads)]
                flags = ["--stage", stage, *_folders(shared), "--out", str(shared), *clips]
                _run(flags, shared / LOG, lock, shown=sys.stderr.isatty())

    def train(self, settings: Settings, seed: int, out: Path, shared: Path, threads: int) -> None:
        """Trains in OUT, or resumes; the output of the process is in OUT/train.log."""
        from jova.parts import FILES

        out.mkdir(parents=True, exist_ok=True)
        given = {name: settings[name] for name in (*FLAGS, "task") if name in settings}
        flags = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        rest = ["--out", str(out), "--seed", str(seed), "--threads", str(threads)]
        with _locked(out) as lock:
            if self.trained(out) is not None:
                return
            _run(["--stage", "model", *_folders(shared), *flags, *rest], out / LOG, lock)
            for name in FILES[1:]:
                (out / name).unlink(missing_ok=True)
                (out / name).symlink_to(os.path.relpath(shared / name, out))
            _write(out / DONE, {**given, "seed": seed, **_training(out, str(settings["preset"]))})

    def trained(self, out: Path) -> Training | None:
        """Reads OUT/arm.json; returns None if the training is unfinished."""
        if not (out / DONE).is_file():
            return None
        with advising("delete it and repeat the sweep, which writes it again from the training's files"):
            return Training(**as_record(Finished, read_json(out / DONE), str(out / DONE)).model_dump())

    def generator(self, name: str, weights: Path | None, settings: Settings, device: str) -> JovaGenerator:
        """Returns JoVA with the weights in a training's folder, or the shipped ones; also for baselines."""
        sampling = Sampling(
            steps=settings["sampler_steps"],  # type: ignore[typeddict-item]  # checked by its Setting
            guidance=settings["guidance"],  # type: ignore[typeddict-item]
            sampler=settings["sampler"],  # type: ignore[typeddict-item]
        )
        return JovaGenerator(device, weights, name, sampling)


def jova() -> JovaArms:
    """Builds the trainings of JoVA; reads nothing from disk."""
    return JovaArms()


def changed(fields: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields that differ from their defaults: the same when fields are added to both."""
    return {name: value for name, value in fields.items() if value != defaults[name]}


def _folders(shared: Path) -> list[str]:
    return ["--data", str(shared / "corpus"), "--codecs", str(shared)]


def _run(arguments: Sequence[str], log: Path, lock: IO[str], shown: bool = False) -> None:
    """Runs `python -m jova.train`, which holds the lock while it runs, even if this process ends.

    Its output goes to the log; with `shown`, its progress and errors go to stderr instead.

    Raises:
        BenchError: the process failed.
    """
    with log.open("a", encoding="utf-8") as output:
        code = subprocess.run(
            [sys.executable, "-P", "-c", TRAIN, OURS, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if shown else subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            check=False,
        ).returncode
    if code:
        last = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-1:]
        why = "see above" if shown else f"{' '.join(last)}; see {log}"
        raise BenchError(f"python -m jova.train stopped with {code}: {why}")


def _locked(folder: Path) -> IO[str]:
    """Acquires the folder's lock, held until the file is closed; waits for another process that holds it."""
    try:
        return acquire(folder / LOCK)
    except Busy as busy:
        print(f"waiting for another process (pid {busy.holder}) in {folder}", file=sys.stderr, flush=True)
        return acquire(folder / LOCK, wait=True)


def _training(out: Path, preset: str) -> Mapping[str, Value]:
    """Returns the fields of `Training`, from the files of `jova.train`."""
    from jova.parts import FILES
    from jova.training.recipes import RECIPES
    from jova.transformer import Jova

    log = [_logged(value, f"{out / STEPS}:{number}") for number, value in read_json_lines(out / STEPS)]
    ends = [record.step + 1 for record in log]
    batch = RECIPES[preset].training.batch
    seconds = sum(
        (end - start) * batch / record.samples_per_cpu_s
        for start, end, record in zip([0, *ends[:-1]], ends, log, strict=True)
    )
    return {
        "steps": ends[-1],
        "examples": ends[-1] * batch,
        "parameters": sum(part.numel() for part in Jova.load(out / FILES[0]).parameters()),
        "cpu_minutes": round(seconds / 60, 2),
        "weights": digest(out, FILES[:1]),
    }


class Logged(BaseModel):
    """A line of the log of `jova.train`: the fields that are read here."""

    step: int = Field(ge=0)
    samples_per_cpu_s: float = Field(gt=0)


class Finished(BaseModel):
    """The fields of `Training` in an `arm.json`, which also has settings."""

    steps: int
    examples: int
    parameters: int
    cpu_minutes: float
    weights: str


def _logged(value: Any, where: str) -> Logged:
    if isinstance(value, BenchError):
        raise value
    return as_record(Logged, value, where)


def _write(path: Path, what: Mapping[str, Value]) -> None:
    """Writes JSON, atomically."""
    write_file(path, json.dumps(what, indent=2) + "\n")
