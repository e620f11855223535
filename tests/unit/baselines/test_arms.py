"""JoVA as a sweep trains it: real trainings as processes of their own, on latents that are noise."""

import fcntl
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from jova.codecs.base import WEIGHTS
from jova.config import PRESETS
from jova.data.folder import read_folder
from jova.data.vocabulary import words
from jova.parts import FILES
from jova.train import main
from jova.training.latents import load_examples
from jova.training.model import Trainer
from jova.training.recipes import RECIPES
from jova.training.state import detached
from jova.transformer import Jova
from jova_baselines import arms
from jova_baselines.arms import DONE, jova
from jova_bench.errors import BenchError
from jova_bench.suites.loading import load_suite
from support.splits import made_split

STEPS, CLIPS = 4, 4
SPLITS = {"train": CLIPS, "validation": 64}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What trainings share, made up."""
    folder = tmp_path_factory.mktemp("shared")
    for split, count in SPLITS.items():
        made_split(folder, split, count)
    before, threads = times(folder), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        # In this process: two more that import torch would show no more than those of the trainings below.
        patch.setattr(arms, "_run", lambda flags, *_, **__: main(flags) and pytest.fail(f"{flags} failed"))
        jova().prepare(settings(), folder, 1)
    torch.set_num_threads(threads)
    assert times(folder) == before  # What is there is not made again.
    return folder


@pytest.fixture(scope="module")
def whole(shared, tmp_path_factory):
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("whole")
    assert jova().trained(folder) is None
    jova().train(settings(), 0, folder, shared, 1)
    return folder


def times(folder):
    return {path: path.stat().st_mtime_ns for part in ("corpus", "latents") for path in (folder / part).rglob("*.*")}


def settings(**changes):
    return {setting.name: setting.default for setting in jova().settings} | {"steps": STEPS, "clips": CLIPS} | changes


def test_trainings_use_the_shipped_codecs(shared):
    for name in FILES[1:]:
        assert (shared / name).read_bytes() == (WEIGHTS / name).read_bytes()


def test_a_training_is_recorded_and_makes_clips(whole):
    model = jova()
    found = model.trained(whole)
    batch = RECIPES["ablation"].training.batch
    assert (found.steps, found.examples) == (STEPS, STEPS * batch)
    assert found.parameters == sum(part.numel() for part in Jova.load(whole / FILES[0]).parameters())
    assert found.cpu_minutes >= 0
    said = json.loads((whole / DONE).read_text())
    assert (said["mouth_weight"], said["fusion"], said["seed"]) == (5.0, "joint", 0)
    suite = load_suite("embedded")
    generator = model.generator("arm", whole, settings(sampler_steps=1, guidance=1.0), "cpu")
    assert generator.check() is None
    plan = generator.plan(suite.prompts[0], suite)
    assert plan.note.startswith("euler, 1 steps, guidance 1.0")
    (clip,) = generator.generate(suite.prompts[:1], 0, suite)
    assert clip.media.frames.shape == (73, 64, 64, 3)
    assert clip.function_evals == 1


def test_a_killed_training_ends_as_an_unbroken_one(shared, whole, tmp_path):
    model = jova()
    # What a kill after two steps leaves: a state, no weights, and a log that is a step ahead.
    config = replace(PRESETS["ablation"](tuple(words())), fusion="joint", positions="aligned")
    training = replace(RECIPES["ablation"].training, steps=STEPS, seed=0)
    items, latents = read_folder(shared / "corpus" / "train"), shared / "latents" / "train"
    examples = load_examples(items, shared, latents, config, "mouth")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    trainer = Trainer(config, training, tmp_path / "killed")
    trainer.model.speaking.fit(examples.text)
    trainer.ema = detached(trainer.model)
    trainer.advance(examples)
    trainer.advance(examples)
    trainer.save("model")
    torch.set_num_threads(threads)
    model.train(settings(), 0, tmp_path / "killed", shared, 1)
    killed, unbroken = (load_file(folder / FILES[0]) for folder in (tmp_path / "killed", whole))
    assert killed.keys() == unbroken.keys()
    assert all(torch.equal(killed[name], unbroken[name]) for name in unbroken)
    assert model.trained(tmp_path / "killed").examples == model.trained(whole).examples
    # A finished training is left as it is, whatever the folder of the latents holds.
    model.train(settings(), 0, whole, tmp_path / "nowhere", 1)


def test_what_makes_the_corpus_is_asked_for_before_any_work(tmp_path, monkeypatch, shared):
    from jova import data, train
    from jova.data.splits import check_packages

    monkeypatch.setattr(data, "find_spec", lambda name: None if name == "cv2" else name)
    said = r"^not installed: opencv-python-headless; to make clips, run pip install 'jova-bench\[corpus\]'$"
    with pytest.raises(BenchError, match=said):
        jova().prepare(settings(), tmp_path / "new", 1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ModuleNotFoundError, match=said):
        train.make_corpus(tmp_path / "new", CLIPS, 1)
    check_packages(shared / "corpus", CLIPS)  # A corpus that is there needs nothing.
    assert train.main(["--stage", "corpus", "--out", str(tmp_path / "new")]) == 2


def test_a_training_that_fails_says_why_and_a_folder_called_jova_is_not_trained(tmp_path, monkeypatch):
    """Research folders have such names; the process that trains runs the package of the one that asks."""
    (tmp_path / "jova").mkdir()
    (tmp_path / "jova" / "__init__.py").write_text("raise SystemExit('somebody else')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=r"jova.train stopped with 2: jova.train: .*nowhere.*train.log"):
        jova().train(settings(), 0, tmp_path / "out", tmp_path / "nowhere", 1)
    assert jova().trained(tmp_path / "out") is None


def test_a_process_waits_for_another_in_the_same_folder(tmp_path, monkeypatch, capsys):
    """And then finds the training done."""
    arms = jova()
    tried = []

    def flock(file, how):
        tried.append(how)
        if how & fcntl.LOCK_NB:
            raise BlockingIOError
        done = {"steps": 1, "examples": 8, "parameters": 9, "cpu_minutes": 0.1, "weights": "0123456789ab"}
        (tmp_path / DONE).write_text(json.dumps(done))

    monkeypatch.setattr(fcntl, "flock", flock)
    arms.train(settings(), 0, tmp_path, tmp_path / "nowhere", 1)
    assert ({*tried[:-1]}, tried[-1]) == ({fcntl.LOCK_EX | fcntl.LOCK_NB}, fcntl.LOCK_EX)
    assert capsys.readouterr().err == f"waiting for another process (pid unknown) in {tmp_path}\n"
    assert arms.trained(tmp_path).steps == 1


def test_arms_of_the_ablation_preset_have_the_same_size():
    config = PRESETS["ablation"](tuple(words()))
    arms = [replace(config, fusion=fusion) for fusion in ("joint", "cross", "none")]
    arms += [replace(config, positions="independent"), replace(config, words="free")]
    sizes = [sum(part.numel() for part in Jova(arm).parameters()) for arm in arms]
    assert max(sizes) <= 1.05 * min(sizes)
    assert max(sizes) < 0.5 * sum(part.numel() for part in Jova(PRESETS["tiny"](tuple(words()))).parameters())


def test_settings_are_those_of_the_training():
    known = {setting.name: setting for setting in jova().settings}
    assert known["fusion"].choices == ("joint", "cross", "none")
    assert known["positions"].choices == ("aligned", "independent", "offset")
    assert known["words"].choices == ("timed", "free")
    assert known["mouth_box"].choices == ("mouth", "off")
    assert known["preset"].choices == tuple(PRESETS)
    assert {name for name, setting in known.items() if setting.sampling} == {"guidance", "sampler_steps", "sampler"}


def test_shipped_weights_are_told_apart_by_their_digest():
    trained, shipped = jova().made_by(False), jova().made_by(True)
    assert shipped.items() - trained.items() == {("weights", shipped["weights"])}
    assert "'width': 128" in trained["ablation"]
