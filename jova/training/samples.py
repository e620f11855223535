"""Makes clips with a model in training, and asks a function of the user's what they are worth."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jova.codecs.base import PictureCodec, SoundCodec
from jova.config import Precision
from jova.data.folder import write_clip
from jova.files import atomic_path
from jova.pipeline import JovaPipeline
from jova.text import Prompt, PromptEncoder, WordTokenizer
from jova.training.distributed import Ranks
from jova.training.tables import SamplesTable
from jova.transformer import Jova

Callback = Callable[[Path], Mapping[str, float]]
"""Scores a folder of clips with their prompts.jsonl; returns numbers by name, which are logged."""


class Samples:
    """Clips of fixed prompts and seeds, in OUT/samples/<step>."""

    def __init__(
        self,
        table: SamplesTable,
        out: Path,
        codecs: tuple[PictureCodec, SoundCodec],
        ranks: Ranks,
        callback: Callback | None,
        reader: WordTokenizer | PromptEncoder,
        precision: Precision,
    ) -> None:
        """Reads the prompts; `precision` is that of the training, in which ranks gather weights.

        `reader` reads prompts as the model does: its tokenizer, or its text encoders.

        Raises:
            FileNotFoundError, ValueError: there are none, or the model cannot read them.
        """
        self.table, self.out, self.codecs, self.ranks, self.callback = table, out, codecs, ranks, callback
        self.precision: Precision = precision
        self.prompts = read_prompts(table.prompts)
        self.encoder = reader if isinstance(reader, PromptEncoder) else None
        reader([_prompt(record) for record in self.prompts])

    def __call__(self, model: Jova, step: int) -> dict[str, float | str]:
        """Makes the clips, each rank its share, and returns what the callback says of them."""
        folder, ranks = self.out / "samples" / f"{step:08d}", self.ranks
        # Every rank makes as many as the others, because they gather weights together.
        numbers = range(ranks.index, -(-len(self.prompts) // ranks.count) * ranks.count, ranks.count)
        records = [self.prompts[number % len(self.prompts)] for number in numbers]
        prompts = [_prompt(record) for record in records]
        pipeline = JovaPipeline(model, *self.codecs, self.encoder, device=str(ranks.device))
        clock = model.config.timeline
        steps, guidance, precision = self.table.steps, self.table.guidance, self.precision
        clips = pipeline.sample(prompts, [0] * len(prompts), steps=steps, guidance=guidance, precision=precision)
        for number, record, frames, audio in zip(numbers, records, clips.frames, clips.audio, strict=True):
            if number < len(self.prompts):
                write_clip(folder / f"{record['id']}.mp4", frames, audio, clock.fps, clock.sample_rate_hz)
        ranks.wait()
        found: dict[str, float | str] = {}
        if ranks.leads:
            with atomic_path(folder / "prompts.jsonl") as unfinished:
                unfinished.write_text("".join(json.dumps(record) + "\n" for record in self.prompts), encoding="utf-8")
            if self.callback is not None:
                found = self._scored(folder)
        ranks.wait()
        return found

    def _scored(self, folder: Path) -> dict[str, float | str]:
        """Returns what the callback says; an error of it is logged, and the training goes on."""
        assert self.callback is not None
        try:
            return {f"sample_{name}": float(value) for name, value in self.callback(folder).items()}
        except Exception as error:
            print(f"note: the callback failed on {folder}: {error!r}", file=sys.stderr)
            return {"sample_error": repr(error)}


def _prompt(record: Mapping[str, str]) -> Prompt:
    return Prompt(*(record[name] for name in Prompt._fields))


def read_prompts(path: Path) -> Sequence[Mapping[str, str]]:
    """Reads prompts, one JSON object a line; those without an id get their number.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is none, or there are no lines.
    """
    if not path.is_file():
        raise FileNotFoundError(f"expected prompts at {path}, got no file")
    found = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except ValueError as error:
        raise ValueError(f"expected prompts in UTF-8 in {path}, got {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = {"id": f"{number:03d}", **json.loads(line)}
            found.append({name: record[name] for name in ("id", *Prompt._fields)})
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(
                f"{path}:{number}: expected a prompt with {', '.join(Prompt._fields)}, got {error!r}"
            ) from None
        if not all(isinstance(value, str) for value in found[-1].values()) or not is_name(found[-1]["id"]):
            raise ValueError(f"{path}:{number}: expected texts, and an id of letters, digits, ., _ and -, got {line}")
    if not found or len({record["id"] for record in found}) != len(found):
        raise ValueError(f"expected prompts of different ids in {path}, got {len(found)} lines")
    return found


def is_name(text: str) -> bool:
    """Tells whether a text may name a file: no path, nothing hidden."""
    return 0 < len(text) <= 120 and all(one.isalnum() or one in "._-" for one in text) and text[0] not in ".-"


def load_callback(name: str | None) -> Callback | None:
    """Imports `module:function`.

    Raises:
        ValueError: there is no such function.
    """
    if name is None:
        return None
    module, _, function = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"expected a callback module:function, got {name!r}: {error}") from None
    if not callable(found):
        raise ValueError(f"expected a callback module:function, got {name!r}, which is no function")
    return found
