"""A folder of clips as a model: `clips:DIR`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from jova_bench.digests import file_digest
from jova_bench.errors import BenchError
from jova_bench.ids import file_stem, printable
from jova_bench.models.base import Generated, Plan
from jova_bench.prompts import Prompt
from jova_bench.suites.clips import answer, clips_by_id, difference, listing, passed_over, some, stem_of, top_of
from jova_bench.suites.folder import asked_for
from jova_bench.suites.loading import Suite


class ClipsFolder:
    """The model `clips:DIR`, `clips:DIR/**` or `clips:FILE`, under its name. A prompt without a file has no clip."""

    batch_size = 1
    needs: tuple[str, ...] = ()
    edits_files = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = stem_of(folder)
        self.clips = clips_by_id(folder)

    def check(self) -> str | None:
        """Returns None: there is nothing to load."""
        return None

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns a plan of the file as it is, identified by its content."""
        path = self._path(prompt)
        digest = file_digest(path)
        note = f"file {printable(path.name)}, sha256 {digest[:16]}"
        return Plan(note=note, settings={"file_sha256": digest[:16]})

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Yields the files."""
        for prompt in prompts:
            yield Generated(media=self._path(prompt), timing="free", timed=False)

    def _path(self, prompt: Prompt) -> Path:
        path = answer(self.clips, prompt.id)
        if path is None:
            expected = f"{file_stem(prompt.id)}.mp4"
            raise BenchError(
                f"no clip for this prompt: expected {expected} (or another suffix) in {top_of(self.folder)}"
            )
        return path


def coverage_lines(model: ClipsFolder, prompts: Sequence[Prompt]) -> list[str]:
    """Returns lines for the user on a folder's files: prompts without a clip, and files that are no clips.

    Args:
        model: the folder.
        prompts: of the suite; empty ones are of clips without a prompt.

    Raises:
        BenchError: a clip answers two prompts.
    """
    asked = {one.id: answer(model.clips, one.id) for one in prompts if asked_for(one)}
    lost = [prompt_id for prompt_id, path in asked.items() if path is None]
    answers: dict[Path, str] = {}
    for prompt_id, path in asked.items():
        if path and (first := answers.setdefault(path, prompt_id)) != prompt_id:
            raise BenchError(
                f"expected a clip for each prompt, got {printable(str(path))} for both {first!r} and {prompt_id!r}; "
                "rename one"
            )
    free = [path.stem for path in model.clips.values() if path not in answers]
    lines = [f"{model.folder}: {len(model.clips)} clips, {len(answers)} of them with a prompt"]
    if lost:
        lines[0] += f"; {len(lost)} of {len(asked)} prompts have no clip ({some(lost)})"
        if what := difference(lost, free):
            lines.append(f"{model.folder}: prompts without a clip and clips without a prompt: {what}")
    if left_out := listing(model.folder).left_out:
        lines.append(f"{model.folder}: not clips: {left_out}")
    if below := passed_over(model.folder):
        lines.append(f"{model.folder}: {below}")
    return lines
