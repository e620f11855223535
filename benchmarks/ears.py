"""How well Whisper hears real speech, whether ours writes what OpenAI's package writes, and what each costs.

    python -P benchmarks/ears.py prepare SOUNDS core-sounds-en.txt asterisk    # Debian's asterisk-core-sounds-en-g722
    python -P benchmarks/ears.py clips runs/embedded-0a1b2c3d jova jova        # 32 clips of a model of a run
    python -P benchmarks/ears.py hear asterisk texts.jsonl --ear jova --size base --assets own.toml --clips 60
    python -P benchmarks/ears.py tables texts.jsonl results                    # ears.md and outside-ear.md

`hear` takes a folder of clips with a `prompts.jsonl` of ids, transcripts and languages, in one shuffled order, so that
the first ones are a sample; and `--ear jova`, `faster` or `openai`, which draws the numbers that ours draws. Debian's
package asterisk-core-sounds-en has the texts. One thread; no other script here is to be imported, hence -P.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np

from jova_bench.assets.table import AssetTable, asset_table
from jova_bench.media import files as media
from jova_bench.metrics.signal.audio import Audio, mono_16k
from jova_bench.metrics.speech.errors import character_error_rate, transcript_length, word_error_rate
from jova_bench.metrics.speech.languages import spaced
from jova_bench.prompts import Prompt
from jova_bench.runs.store import read_run

EARS = {"jova": "ours", "openai": "openai-whisper", "faster": "faster-whisper"}
Row = dict[str, Any]
EARS_HEAD = """# What Whisper hears of real speech

Made by `benchmarks/ears.py`, whose first lines have the commands: greedy decoding with times and fallback (ours, and
openai-whisper 20250625 with the same random numbers), and faster-whisper 1.2.1 with its own defaults (5 beams), in
single precision on one thread. The weights of all three are OpenAI's rounded to half precision. WER is that of the
metric, with a 95 % interval over utterances. Utterances are those of Debian's asterisk-core-sounds-en-g722 1.6.1-1
(Allison Smith, CC-BY-SA-3.0; not in the repository) that have words, 551 of 568: all, or the first of a
shuffled order (of 553, with two beeps that were taken for words and left out since).
"""
OUTSIDE_HEAD = """# An outside ear

Whisper base, which was trained on real speech, on the clips that the embedded suite's first 32 prompts asked for.
Made by `benchmarks/ears.py`. The embedded WER is that of a recogniser that knows only the sentences of the corpus.
What is not in the table was not heard. Where Whisper is sure of nothing, it draws words at temperature 1, as
`whisper.transcribe` does by default: many errors are words of its own, sentences for four words among them. So a few
clips decide: read the intervals. Of the 11 real clips that openai-whisper heard, too, it writes on 10 what ours writes;
the other one has drawn words in both, and other ones, each the same when heard again. Why was not found.
"""


def prepare(sounds: Path, texts: Path, clips: Path) -> None:
    """Writes every transcribed utterance as FLAC; lines in brackets are tones, no words."""
    import av

    clips.mkdir(parents=True, exist_ok=True)
    rows = []
    for line in texts.read_text().splitlines():
        name, _, said = line.partition(": ")
        file = next(sounds.glob(f"**/{name}.g722"), None) if said and not line.startswith(";") else None
        if file is None or said.startswith(("[", "(", "<")):
            continue
        with av.open(str(file), format="g722") as opened:
            parts = [frame.to_ndarray().reshape(-1).astype(np.float32) for frame in opened.decode(audio=0)]
        sound = np.concatenate(parts) / np.float32(32768)
        stem = name.replace("/", "-")
        media.write(clips / f"{stem}.flac", None, Fraction(25), sound[None], 16_000)
        rows.append({"id": stem, "transcript": said, "language": "en"})
    (clips / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def from_run(run: Path, model: str, clips: Path, count: int) -> None:
    """Copies a model's clips of the first prompts of a run."""
    found = read_run(run)
    prompts = {prompt.id: prompt for prompt in found.manifest.prompts}
    samples = sorted((one for one in found.samples if one.model == model and one.clip), key=lambda one: one.prompt_id)
    clips.mkdir(parents=True, exist_ok=True)
    rows = []
    for sample in samples[:count]:
        prompt = prompts[sample.prompt_id]
        shutil.copy(run / str(sample.clip), clips / f"{prompt.id}.mp4")
        rows.append({"id": prompt.id, "transcript": prompt.transcript, "language": prompt.language})
    (clips / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def listener(ear: str, size: str, assets: AssetTable) -> Callable[[Audio, str], tuple[str, str]]:
    """Returns what gives the text of a sound, and where it is a loop."""
    from jova_bench.metrics.speech import faster_whisper, whisper

    if ear == "openai":
        return _reference(assets.find(f"whisper-{size.replace('.', '-')}"))
    kind = faster_whisper.FasterWhisper if ear == "faster" else whisper.Whisper
    recogniser = kind(size, assets, "cpu")
    if ear == "jova":
        recogniser.package = "transformers"

    def hear(audio: Audio, language: str) -> tuple[str, str]:
        found = recogniser.transcribe(audio, language)
        return found.text, found.loop

    return hear


def _reference(checkpoint: Path) -> Callable[[Audio, str], tuple[str, str]]:
    """Returns `whisper.transcribe` of OpenAI's package; its random numbers are those that ours draws."""
    import torch
    import whisper

    from jova_bench.metrics.networks.whisper_window import Draw, drawing
    from jova_bench.metrics.speech.whisper import by_window, joined, seed_of

    net = whisper.load_model(str(checkpoint), "cpu")
    current: list[Draw] = []

    class Drawn:
        def __init__(self, logits: torch.Tensor) -> None:
            self._logits = logits

        def sample(self) -> torch.Tensor:
            return torch.tensor([current[-1](one) for one in self._logits])

    whisper.decoding.Categorical = Drawn

    def hear(audio: Audio, language: str) -> tuple[str, str]:
        current.append(drawing(seed_of(audio)))
        found = net.transcribe(audio, language=language, fp16=False)
        windows = by_window((one["seek"], one["end"], one["text"]) for one in found["segments"])
        return found["text"].strip(), joined(windows).loop

    return hear


def hear(clips: Path, out: Path, ear: str, size: str, assets: AssetTable, count: int | None) -> None:
    """Appends the text of every clip that has none yet."""
    import torch

    torch.set_num_threads(1)
    prompts = [json.loads(line) for line in (clips / "prompts.jsonl").read_text().splitlines()]
    Random(0).shuffle(prompts)
    known = {(row["set"], row["id"], row["ear"], row["size"]) for row in _rows(out)}
    listen = None
    for prompt in prompts[:count]:
        if (clips.name, prompt["id"], ear, size) in known:
            continue
        file = next(file for file in clips.glob(f"{prompt['id']}.*"))
        audio = mono_16k(media.read(file, pictures=False))
        if listen is None:
            listen = listener(ear, size, assets)
            listen(np.zeros(16_000, np.float32) + 1e-3, "en")  # Loading is no part of the seconds.
        start = time.process_time()
        text, loop = listen(audio, prompt["language"])
        spent = time.process_time() - start
        row = {**prompt, "set": clips.name, "ear": ear, "size": size, "seconds": len(audio) / 16_000, "cpu_s": spent}
        with out.open("a") as stream:
            stream.write(json.dumps({**row, "text": text, "loop": loop}, ensure_ascii=False) + "\n")


def _rows(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def errors(rows: Iterable[Row]) -> np.ndarray:
    """(N, 2) errors and words of each transcript; characters where nothing separates words."""
    found = []
    for row in rows:
        asked = {"transcript": row["transcript"], "language": row["language"]}
        prompt = Prompt(id=row["id"], video_caption="", audio_caption="", **asked)
        apart = spaced(row["language"])
        length = transcript_length(prompt, "transcript_words" if apart else "transcript_characters")
        one = word_error_rate if apart else character_error_rate
        found.append((length * one(row["transcript"], row["text"], row["language"]), length))
    return np.array(found)


def rate(rows: Sequence[Row]) -> str:
    """Formats errors per word of all transcripts together, with a 95 % interval over clips (bootstrap)."""
    counted = errors(rows)
    drawn = counted[np.random.default_rng(0).integers(0, len(rows), (2000, len(rows)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return f"{counted[:, 0].sum() / counted[:, 1].sum():.3f} [{low:.3f}, {high:.3f}]"


def by_ear(rows: Iterable[Row], clips: str) -> dict[tuple[str, str], dict[str, Row]]:
    """Returns the rows of one set of clips by size and ear, and by clip."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row["set"] == clips:
            found.setdefault((row["size"], row["ear"]), {})[row["id"]] = row
    return found


def anchors(rows: Sequence[Row]) -> Iterator[str]:
    """Yields the table of error rates: every ear on all that it heard, and beside ours on what both heard."""
    yield "| size | ear | utterances | words | WER | loops | CPU s each, median | same text as ours | ours on these |"
    yield "|---|---|---|---|---|---|---|---|---|"
    heard = by_ear(rows, "asterisk")
    for (size, ear), texts in sorted(heard.items()):
        ours = heard.get((size, "jova"), {})
        both = [clip for clip in texts if clip in ours]
        same = sum(texts[clip]["text"] == ours[clip]["text"] for clip in both)
        beside = f"{same} of {len(both)} | {rate([ours[clip] for clip in both])}" if ear != "jova" and both else "|"
        found = list(texts.values())
        words = int(errors(found)[:, 1].sum())
        seconds = f"{median(row['cpu_s'] for row in found):.2f}"
        loops = sum(bool(row["loop"]) for row in found)
        yield f"| {size} | {EARS[ear]} | {len(found)} | {words} | {rate(found)} | {loops} | {seconds} | {beside} |"


def texts_of(rows: Sequence[Row], clips: str, size: str) -> Iterator[str]:
    """Yields the table of texts, clip by clip, of those that every ear heard."""
    yield f"| clip | transcript | {' | '.join(EARS.values())} |"
    yield "|---|---|---|---|---|"
    heard = by_ear(rows, clips)
    ears = [heard.get((size, ear), {}) for ear in EARS]
    for clip in sorted(set.intersection(*(set(one) for one in ears))):
        ours, *others = [one[clip]["text"] for one in ears]
        told = [ours or "(nothing)", *("the same" if text == ours else text or "(nothing)" for text in others)]
        yield f"| {clip} | {' | '.join(text.replace('|', '/') for text in (ears[0][clip]['transcript'], *told))} |"


def tables(rows: Sequence[Row], folder: Path) -> None:
    """Writes both tables."""
    parts = [EARS_HEAD, *anchors(rows)]
    for title, clips in (("Clips that a model generated, and a hum", "clips"), ("Utterances", "asterisk")):
        for size in ("base", "tiny.en"):
            if found := list(texts_of(rows, clips, size))[2:]:
                parts += [f"\n## {title}, {size}\n", *list(texts_of(rows, clips, size))[:2], *found]
    (folder / "ears.md").write_text("\n".join(parts) + "\n")
    parts = [OUTSIDE_HEAD, "| model | ear | clips | words | WER by Whisper base | loops |", "|---|---|---|---|---|---|"]
    for model in ("real", "codec", "jova", "shuffled"):
        for ear, name in EARS.items():
            if heard := list(by_ear(rows, model).get(("base", ear), {}).values()):
                words, loops = int(errors(heard)[:, 1].sum()), sum(bool(row["loop"]) for row in heard)
                parts.append(f"| {model} | {name} | {len(heard)} | {words} | {rate(heard)} | {loops} |")
    (folder / "outside-ear.md").write_text("\n".join(parts) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("prepare")
    for name in ("sounds", "texts", "clips"):
        one.add_argument(name, type=Path)
    one = verbs.add_parser("clips")
    one.add_argument("run", type=Path)
    one.add_argument("model")
    one.add_argument("clips", type=Path)
    one.add_argument("--clips", type=int, dest="count", default=32)
    one = verbs.add_parser("hear")
    one.add_argument("clips", type=Path)
    one.add_argument("out", type=Path)
    one.add_argument("--ear", choices=EARS, required=True)
    one.add_argument("--size", required=True)
    one.add_argument("--assets", type=Path)
    one.add_argument("--clips", type=int, dest="count")
    one = verbs.add_parser("tables")
    one.add_argument("out", type=Path)
    one.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.verb == "prepare":
        prepare(given.sounds, given.texts, given.clips)
    elif given.verb == "clips":
        from_run(given.run, given.model, given.clips, given.count)
    elif given.verb == "hear":
        hear(given.clips, given.out, given.ear, given.size, asset_table(given.assets), given.count)
    else:
        tables(_rows(given.out), given.folder)


if __name__ == "__main__":
    main()
