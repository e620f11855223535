"""JoVA as a sweep sees it: settings, trainings from a shared corpus, and clips with the weights of a training.

`jova.train` runs as a process of its own, so that a kill leaves its checkpoints and the same command goes on. The
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
from jova_baselines.jova import JovaGenerator, Sampling, digest
from jova_bench.errors import BenchError
from jova_bench.files.locks import Busy, acquire
from jova_bench.files.reading import as_record, read_json, read_json_lines
from jova_bench.sweep.model import Setting, Settings, Training, Value

DONE, LOCK, LOG, STEPS = "arm.json", ".lock", "train.log", "model.jsonl"
OURS = str(Path(jova_package.__file__ or "").resolve().parents[1])
"""Folder of the package `jova` that this process runs."""
TRAIN = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('jova.train', run_name='__main__', alter_sys=True)"
)
"""`python -m jova.train` of that package: a folder called jova where the user stands is another."""
FLAGS = ("preset", "steps", "clips", "mouth_weight", "mouth_box", "fusion", "positions", "precision")
"""Settings that `jova.train` takes as flags of these names; `task`, too, where a baseline is trained for another."""


class JovaArms:
    """Trainings of JoVA that differ in a setting."""

    name = "jova"

    def __init__(self) -> None:
        from jova.config import GUIDANCE, PRESETS, SAMPLER, STEPS, Fusion, MouthBox, Positions, Precision, Sampler
        from jova.training.recipes import RECIPES

        recipe = RECIPES["ablation"]
        self.settings: tuple[Setting, ...] = (
            Setting("preset", "ablation", "size and recipe of the model", tuple(PRESETS)),
            Setting("steps", recipe.training.steps, "steps of the optimiser", least=1),
            Setting("clips", recipe.clips, "training clips", least=1),
            Setting("mouth_weight", 5.0, "lambda of the mouth-area loss", least=0),
            Setting("mouth_box", "mouth", "where the mouth-area loss looks", get_args(MouthBox)),
            Setting("fusion", "joint", "how sound and picture meet", get_args(Fusion)),
            Setting("positions", "aligned", "temporal positions of sound and picture", get_args(Positions)),
            Setting("precision", "float32", "of activations in training", get_args(Precision)),
            Setting("guidance", GUIDANCE, "scale of classifier-free guidance; 1 is none", least=0, sampling=True),
            Setting("sampler_steps", STEPS, "steps of the sampler", least=1, sampling=True),
            Setting("sampler", SAMPLER, "how the flow is followed", get_args(Sampler), sampling=True),
        )

    def made_by(self, shipped: bool) -> Mapping[str, str]:
        """Format, codecs and what the presets are; the weights themselves where nothing is trained."""
        from jova.codecs.base import WEIGHTS
        from jova.config import PRESETS, JovaConfig
        from jova.sample import FILES
        from jova.training.model import TrainConfig
        from jova.training.recipes import RECIPES
        from jova.transformer import KIND

        made = {"format": KIND, "codecs": digest(WEIGHTS, FILES[1:])}
        for name, preset in PRESETS.items():
            size = changed(vars(preset(("word",))), vars(JovaConfig(("word",))))
            made[name] = f"{size} {changed(RECIPES[name].training.stored(), TrainConfig(steps=1).stored())}"
        return made | {"weights": digest(WEIGHTS, FILES[:1])} if shipped else made

    def prepare(self, settings: Settings, shared: Path, threads: int) -> None:
        """Copies the shipped codecs, makes the corpus, encodes it: stages of `jova.train`, which skip what is done.

        On a terminal their progress is shown: these minutes come before any training's.

        Raises:
            BenchError: what makes the corpus is not installed, which is said before any work; or a stage failed.
        """
        from jova.codecs.base import WEIGHTS
        from jova.sample import FILES
        from jova.train import check_packages

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
        """Trains in OUT, or goes on; what the process says is in OUT/train.log."""
        from jova.sample import FILES

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
        """What OUT/arm.json says."""
        if not (out / DONE).is_file():
            return None
        return Training(**as_record(Finished, read_json(out / DONE), str(out / DONE)).model_dump())

    def generator(self, name: str, weights: Path | None, settings: Settings, device: str) -> JovaGenerator:
        """JoVA with the weights in a training's folder, or the shipped ones; also for baselines that are an arm."""
        sampling = Sampling(
            steps=settings["sampler_steps"],  # type: ignore[typeddict-item]  # checked by its Setting
            guidance=settings["guidance"],  # type: ignore[typeddict-item]
            sampler=settings["sampler"],  # type: ignore[typeddict-item]
        )
        return JovaGenerator(device, weights, name, sampling)


def jova() -> JovaArms:
    """Builds it; nothing is read from disk."""
    return JovaArms()


def changed(fields: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Returns the fields that differ from their defaults: the same when fields are added to both."""
    return {name: value for name, value in fields.items() if value != defaults[name]}


def _folders(shared: Path) -> list[str]:
    return ["--data", str(shared / "corpus"), "--codecs", str(shared)]


def _run(arguments: Sequence[str], log: Path, lock: IO[str], shown: bool = False) -> None:
    """Runs `python -m jova.train`, which holds the lock for as long as it lives, even when we do not.

    What it says goes to the log; with `shown`, its progress and errors go to our own stderr instead.

    Raises:
        BenchError: it failed.
    """
    with log.open("a", encoding="utf-8") as said:
        code = subprocess.run(
            [sys.executable, "-P", "-c", TRAIN, OURS, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=None if shown else subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            check=False,
        ).returncode
    if code:
        last = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-1:]
        why = "see above" if shown else f"{' '.join(last)}; see {log}"
        raise BenchError(f"python -m jova.train stopped with {code}: {why}")


def _locked(folder: Path) -> IO[str]:
    """The folder's lock, held until the file is closed; waits for another process that holds it."""
    try:
        return acquire(folder / LOCK)
    except Busy as busy:
        print(f"waiting for another process (pid {busy.holder}) in {folder}", file=sys.stderr, flush=True)
        return acquire(folder / LOCK, wait=True)


def _training(out: Path, preset: str) -> Mapping[str, Value]:
    """The fields of `Training`, from what `jova.train` left."""
    from jova.sample import FILES
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
    """A line of the log of `jova.train`, as far as it is read here."""

    step: int = Field(ge=0)
    samples_per_cpu_s: float = Field(gt=0)


class Finished(BaseModel):
    """The fields of `Training` in an `arm.json`, which has settings, too."""

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
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    part.write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
