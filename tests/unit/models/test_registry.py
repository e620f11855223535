"""Models by name, and folders of clips as models and as suites."""

import hashlib
import json
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from jova_bench import registry
from jova_bench.errors import BenchError
from jova_bench.ids import safe_id
from jova_bench.models.folder import ClipsFolder
from jova_bench.models.registry import create_model
from jova_bench.prompts import Prompt
from jova_bench.suites.folder import asked_for, folder_suite
from jova_bench.suites.loading import load_suite
from support.asked import prompt, suite_of
from support.clips import write_noise

A, B = prompt(id="a"), prompt(id="b")
PROMPT = A.model_dump()


def test_an_unknown_model_is_named_with_the_nearest_known_one():
    with pytest.raises(BenchError, match=r"got 'rael'.*did you mean 'real'"):
        create_model("rael", "cpu")


def test_a_package_takes_the_folder_of_its_weights(tmp_path, monkeypatch):
    class Tone:
        name, batch_size, needs = "tone", 1, ()

        def __init__(self, device, weights=None):
            self.weights = weights

        check, plan, generate = (lambda self: None), (lambda self, prompt, suite: None), (lambda self, a, b, c: ())

    package = ModuleType("someones")
    package.Tone, package.tone = Tone, lambda device: Tone(device)
    monkeypatch.setitem(sys.modules, "someones", package)
    points = [EntryPoint("tone", "someones:Tone", "g"), EntryPoint("low", "someones:tone", "g")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert create_model(f"tone:{tmp_path}", "cpu").weights == tmp_path
    assert create_model("tone", "cpu").weights is None
    with pytest.raises(BenchError, match="expected a model that takes a folder of weights, such as jova, got 'low'"):
        create_model(f"low:{tmp_path}", "cpu")


def test_a_folder_answers_prompts_by_stem_and_says_which_it_lacks(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    write_noise(folder / "a.wav")
    (folder / "notes.txt").write_text("no clip")
    suite = suite_of(A, B)
    model = create_model(f"clips:{folder}", "cpu")
    assert model.name == "mine"
    (made,) = model.generate(suite.prompts[:1], 0, suite)
    assert made.media == folder / "a.wav"
    with pytest.raises(BenchError, match=r"no clip for this prompt: expected b\.mp4"):
        model.plan(suite.prompts[1], suite)


def test_a_changed_clip_has_another_plan(tmp_path):
    write_noise(tmp_path / "a.wav", seed=0)
    model = ClipsFolder(tmp_path)
    before = model.plan(A, suite_of(A))
    assert hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest()[:16] in before.note
    write_noise(tmp_path / "a.wav", seed=1)
    assert model.plan(A, suite_of(A)) != before


def test_a_folder_without_clips_and_no_folder_are_refused(tmp_path):
    with pytest.raises(BenchError, match="found none"):
        create_model(f"clips:{tmp_path}", "cpu")
    with pytest.raises(BenchError, match="which is not a folder"):
        create_model(f"clips:{tmp_path / 'no'}", "cpu")


def test_clips_are_a_suite_with_the_prompts_beside_them(tmp_path):
    write_noise(tmp_path / "a.wav")
    write_noise(tmp_path / "odd name.wav")
    (tmp_path / "prompts.jsonl").write_text(json.dumps(PROMPT) + "\n")
    suite = folder_suite(tmp_path, None)
    assert suite.name == safe_id(tmp_path.name)
    by_id = {prompt.id: asked_for(prompt) for prompt in suite.prompts}
    assert by_id["a"].transcript == "hello"
    assert by_id[safe_id("odd name")] is None
    assert len(by_id) == 2


@pytest.mark.parametrize(
    "given",
    [
        {"voice": "anna.wav"},
        {"speakers": [{"id": "anna", "text": ""}, {"id": "ben", "text": ""}]},
        {"edit": {"kind": "sound", "clip": "a.mp4"}},
    ],
)
def test_a_prompt_without_texts_asks_for_what_it_gives(given):
    given = Prompt(id="a", video_caption="", audio_caption="", transcript="", **given)
    assert asked_for(given) is given


def test_the_digest_of_a_folder_follows_its_clips(tmp_path):
    write_noise(tmp_path / "a.wav", seed=0)
    before = folder_suite(tmp_path, None).digest
    assert folder_suite(tmp_path, None).digest == before
    write_noise(tmp_path / "a.wav", seed=1)
    assert folder_suite(tmp_path, None).digest != before


def test_prompts_of_another_format_beside_clips_are_not_ours_but_a_typing_error_is(tmp_path):
    write_noise(tmp_path / "a.wav")
    (tmp_path / "prompts.jsonl").write_text('{"id": "a", "clip": "a.wav", "video_prompt": "v"}\n')
    assert asked_for(folder_suite(tmp_path, None).prompts[0]) is None
    (tmp_path / "prompts.jsonl").write_text(json.dumps(PROMPT | {"transcirpt": "x"}) + "\n")
    with pytest.raises(BenchError, match=r"prompts\.jsonl:1: transcirpt"):
        folder_suite(tmp_path, None)


def test_prompts_may_come_from_a_suite(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    write_noise(clips / "a.wav")
    (tmp_path / "mine.jsonl").write_text(json.dumps(PROMPT) + "\n" + json.dumps(PROMPT | {"id": "b"}) + "\n")
    suite = folder_suite(clips, load_suite(tmp_path / "mine.jsonl"))
    # What is asked and not there is a sample that fails.
    assert [(prompt.id, prompt.transcript) for prompt in suite.prompts] == [("a", "hello"), ("b", "hello")]
    assert suite.root == tmp_path
