"""JoVA as a model that edits clips: it makes what a prompt's edit leaves open, and keeps the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jova_baselines.jova import JovaGenerator, parts
from jova_baselines.memory import peak_memory_bytes
from jova_baselines.unedited import edit_of, given_picture, given_sound
from jova_baselines.weights import name_with
from jova_bench.arrays import Audio, Frames
from jova_bench.errors import BenchError
from jova_bench.models.base import Generated, Media, Plan, Setting
from jova_bench.prompts import DRIVEN, Edit, Prompt
from jova_bench.records import Timing
from jova_bench.suites.loading import Suite

if TYPE_CHECKING:
    from jova.editing import ClipEdit


class JovaEditor(JovaGenerator):
    """JoVA with weights of a training with edits."""

    name = "jova-edit"
    needs: tuple[str, ...] = ("edit",)
    image_of = "of the prompt, where it has one and the picture is made"

    def image(self, prompt: Prompt) -> str | None:
        """Returns the file whose first frame a made picture starts from, or None."""
        return prompt.image if edit_of(prompt).kind == "picture" else None

    def check(self) -> str | None:
        """Returns which weights are missing, or that they make whole clips only; None if they edit."""
        if missing := super().check():
            return missing
        from jova.editing import require_editing
        from jova.parts import find_parts
        from jova.transformer import read_config

        try:
            require_editing(read_config(find_parts(self.folder).model))
        except ValueError as error:
            return f"{error}; --model {JovaEditor.name}:DIR takes its folder"
        return None

    @property
    def settings(self) -> dict[str, object]:
        """Settings of sampling, for the run's manifest."""
        inputs = {"clip": "of the edit", "audio": "of the prompt, where the mouth or the picture is made"}
        return super().settings | {"inputs": inputs | {"image": self.image_of}, "audio": "given where it is kept"}

    def plan(self, prompt: Prompt, suite: Suite) -> Plan:
        """Returns the model's own format and settings, with the edit.

        Raises:
            BenchError: the prompt has no edit, words that the model never learned, or files that do not fit the model.
        """
        from jova.editing import check_edit

        edit = edit_of(prompt)
        plan = super().plan(prompt, suite)
        try:
            check_edit(self._pipeline, self._clip_edit(prompt, suite))
        except ValueError as error:
            raise BenchError(f"{prompt.id}: {error}") from error
        settings = {**plan.settings, **edit_settings(edit)}
        note = ", ".join([*(f"{name} {value}" for name, value in edit_settings(edit).items()), plan.note])
        return replace(plan, settings=settings, note=note, audio="driving" if edit.kind in DRIVEN else None)

    def generate(self, prompts: Sequence[Prompt], seed: int, suite: Suite) -> Iterator[Generated]:
        """Generates what the edits leave open, as one batch; kinds may be mixed."""
        from jova.editing import edit

        pipeline = self._pipeline
        clock = pipeline.config.timeline
        edits = [self._clip_edit(prompt, suite) for prompt in prompts]
        clips = edit(pipeline, edits, [seed] * len(prompts), **self._sampling)
        memory = peak_memory_bytes(self.device)
        for prompt, frames, audio in zip(prompts, clips.frames, clips.audio, strict=True):
            made = Media(frames, clock.fps, audio[None], clock.sample_rate_hz)
            # A perfect edit has the sound that was given. Where sound is made, it has a timing of its own.
            timing: Timing = "aligned" if edit_of(prompt).kind in DRIVEN else "free"
            yield Generated(made, timing=timing, function_evals=clips.function_evals, peak_memory_bytes=memory)

    def _clip_edit(self, prompt: Prompt, suite: Suite) -> ClipEdit:
        """Reads what is given. Raises BenchError for files at other rates than the model's."""
        from jova.editing import dub, picture_for, respeak, sound_for
        from jova.sample import read_image

        edit, text = edit_of(prompt), parts(prompt)
        if edit.kind == "picture":
            file = self.image(prompt)
            image = read_image(suite.path(file), self._pipeline.config.picture_size) if file else None
            return picture_for(self._sound(prompt, suite), text, image)
        frames = self._frames(prompt, suite)
        if edit.kind == "sound":
            return sound_for(frames, text)
        sound = self._sound(prompt, suite)
        if edit.kind == "mouth":
            return dub(frames, sound, text, np.array(edit.box, np.float32))
        assert edit.span_s is not None  # the prompt's own check
        return respeak(frames, sound, text._replace(transcript=bracketed(prompt)), *edit.span_s)

    def _frames(self, prompt: Prompt, suite: Suite) -> Frames:
        """Returns (T, H, W, 3) pictures of the given clip."""
        clip, fps = given_picture(prompt, suite), self._pipeline.config.timeline.fps
        if clip.fps != fps:
            raise BenchError(f"expected {fps} frames/s in the clip of {prompt.id!r}, got {float(clip.fps):g}")
        assert clip.frames is not None  # `given_picture` refuses it
        return clip.frames

    def _sound(self, prompt: Prompt, suite: Suite) -> Audio:
        """Returns (N,) samples of the given sound."""
        sound, rate_hz = given_sound(prompt, suite), self._pipeline.config.timeline.sample_rate_hz
        assert sound.audio is not None  # `given_sound` refuses it
        if sound.sample_rate_hz != rate_hz or len(sound.audio) != 1:
            raise BenchError(
                f"expected the sound of {prompt.id!r} in one channel at {rate_hz} Hz, "
                f"got {len(sound.audio)} at {sound.sample_rate_hz} Hz"
            )
        return sound.audio[0]


def jova_edit(device: str, weights: Path | None = None) -> JovaEditor:
    """Builds the model; the first plan reads the weights."""
    return JovaEditor(device, weights, name_with(weights, "jova-edit"))


def edit_settings(edit: Edit) -> dict[str, Setting]:
    """Returns what an edit asks for, as settings of a plan."""
    found: dict[str, Setting] = {"edit": edit.kind}
    if edit.span_s is not None:
        found["span_s"] = " to ".join(f"{end:g}" for end in edit.span_s)
    if edit.box is not None:
        found["box"] = ",".join(f"{side:g}" for side in edit.box)
    return found


def bracketed(prompt: Prompt) -> str:
    """Returns the transcript with its new words in brackets: "place [blue] now"."""
    words, new = prompt.transcript.split(), edit_of(prompt).words
    assert new is not None  # the prompt's own check
    first, last = new[0], sum(new)
    return " ".join([*words[:first], f"[{' '.join(words[first:last])}]", *words[last:]])
