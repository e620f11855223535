"""Weights of which no public source states a commit: they are asked for as such, and keep the commit that they had."""

import json
import os

import pytest

from jova_baselines.external import home, install, pull
from jova_baselines.external.manifest import load
from jova_baselines.external.needs import joined, requirements
from jova_baselines.external.weights import Weights
from jova_bench.assets.download import OFFLINE_VARIABLE
from jova_bench.assets.table import FOLDER_VARIABLE
from jova_bench.digests import short_digest
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from jova_bench.prompts import Prompt
from support.asked import suite_of

NOTHING = short_digest(b"")
FREE = Weights(hub="a/free", folder="free", files=("x.bin",), licence="MIT")
PINNED = Weights(hub="a/pinned", folder="pinned", files=("y.bin",), revision="c" * 40, licence="MIT", gb=1.5)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The assets of these tests."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "assets"))
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)


@pytest.fixture
def manifest():
    return load("ovi").model_copy(update={"weights": (FREE, PINNED)})


def put(manifest, one, commit):
    """Lays weights down as `pull` does."""
    where = home.of(manifest).weights / one.folder
    where.mkdir(parents=True, exist_ok=True)
    (where / one.files[0]).write_bytes(b"weights")
    (where / pull.REVISION).write_text(f"{one.hub}@{commit}\n")
    pull.note(where, one.files, f"{one.hub}@{commit}")


def test_unpinned_weights_are_fetched_with_a_flag_alone_and_at_the_recorded_commit_afterwards(manifest):
    with pytest.raises(BenchError, match=r"a/free is unpinned: no public source .* add --unpinned to fetch"):
        install.weights(manifest, (), unpinned=False)
    assert home.missing(manifest).endswith("setup ovi --weights --unpinned")
    orders = [json.loads(step.command[2]) for step in install.weights(manifest, (), unpinned=True)]
    assert [one["revision"] for one in orders] == ["main", "c" * 40]
    put(manifest, FREE, "d" * 40)
    (home.of(manifest).weights / "free/x.bin").unlink()
    orders = [json.loads(step.command[2]) for step in install.weights(manifest, (), unpinned=False)]
    assert [one["revision"] for one in orders] == ["d" * 40, "c" * 40]
    assert home.missing(manifest).endswith("setup ovi --weights")


def test_plan_and_settings_name_the_commit_at_which_unpinned_weights_were_fetched(manifest):
    model = create_model("ovi", "cpu")
    model.manifest = manifest
    assert model.settings["unpinned"] == "a/free (unpinned)"
    prompt = Prompt(id="a", video_caption="A person.", audio_caption="", transcript="hello")
    assert "weights none, of a/free (unpinned)" in model.plan(prompt, suite_of(prompt)).note
    put(manifest, FREE, "d" * 40)
    again = create_model("ovi", "cpu")
    again.manifest = manifest
    assert again.settings["unpinned"] == f"a/free@{'d' * 40} (unpinned)"
    assert "as it was fetched" in again.settings["weights"][0]
    first = again.plan(prompt, suite_of(prompt)).weights
    put(manifest, FREE, "e" * 40)
    assert first != again.plan(prompt, suite_of(prompt)).weights


def test_pinned_weights_of_another_commit_are_not_those_of_the_manifest(manifest):
    put(manifest, FREE, "d" * 40)
    put(manifest, PINNED, "e" * 40)
    assert home.missing_weights(manifest) == ["a/pinned at eeeeeee instead of ccccccc"]
    put(manifest, PINNED, "c" * 40)
    assert home.missing_weights(manifest) == []


def test_two_repositories_in_one_folder_keep_a_commit_each(tmp_path):
    (tmp_path / pull.REVISION).write_text(f"a/b@{'c' * 40}\na/free@{'d' * 40}\n")
    assert pull.recorded(tmp_path) == {"a/b": "c" * 40, "a/free": "d" * 40}


def test_the_digest_of_nothing_is_never_shown(manifest):
    where = home.of(manifest)
    (where.weights / "free").mkdir(parents=True)
    (where.weights / "free" / pull.REVISION).write_text(f"a/free@{'d' * 40}\n")
    where.environment.mkdir(parents=True)
    where.packages.touch()
    assert (home.weights_digest(manifest), home.packages_digest(manifest)) == (None, None)
    for name in ("ovi", "pocket-tts-wan2.2-s2v", "wan2.2-ti2v-mmaudio"):
        assert NOTHING not in str(create_model(name, "cpu").settings)


def test_bytes_are_those_of_the_files_that_are_here_and_stated_for_the_others(manifest):
    put(manifest, FREE, "d" * 40)
    found = requirements(manifest)
    assert [(one.size, one.here, one.pinned) for one in found.weights] == [
        (7, True, False),
        (1_500_000_000, False, True),
    ]
    assert (found.missing, found.total) == ((1_500_000_000, ()), (1_500_000_007, ()))
    assert found.unsized == ("checkout", "environment")
    both = joined(
        found, requirements(manifest.model_copy(update={"weights": (PINNED.model_copy(update={"gb": None}),)}))
    )
    assert both.missing == (1_500_000_000, (f"a/pinned@{'c' * 40}",))
    assert both.setup == "jova-bench baselines setup ovi --weights && jova-bench baselines setup ovi --weights"


def test_files_that_nobody_verified_are_said_to_be_as_found(manifest):
    """As after a swap of a file for another of the same size, which is another version of the model."""
    for one, commit in ((FREE, "d" * 40), (PINNED, "c" * 40)):
        put(manifest, one, commit)
    alone = manifest.model_copy(update={"weights": (PINNED,)})
    sure = home.weights_digest(alone)
    assert (sure.endswith("?"), home.weights_digest(manifest).endswith("?")) == (False, True)
    assert home.described(alone) == [f"a/pinned@{'c' * 40}, licence MIT"]
    assert install.weights(alone, ()) == []
    file = home.of(manifest).weights / "pinned/y.bin"
    seen = {sure}
    for content in (b"another", b"andmore"):
        file.write_bytes(content)
        os.utime(file, ns=(0, len(seen)))
        seen.add(home.weights_digest(alone))
        assert home.described(alone) == [f"a/pinned@{'c' * 40}, licence MIT; as found here, not verified"]
    assert len(seen) == 3
    assert home.missing(alone) is None or "weights" not in home.missing(alone)  # Whoever has them may run them,
    (step,) = install.weights(alone, ())  # and set-up verifies them.
    assert json.loads(step.command[2])["revision"] == "c" * 40


def test_files_of_a_users_own_or_under_terms_are_not_fetched_over(manifest, tmp_path):
    gated = PINNED.model_copy(update={"terms": "non-commercial"})
    put(manifest, gated, "c" * 40)
    folder = home.of(manifest).weights / "pinned"
    (folder / "y.bin").write_bytes(b"mine is another")
    asked = manifest.model_copy(update={"weights": (gated,)})
    assert install.weights(asked, ()) == []
    assert len(install.weights(asked, ("non-commercial",))) == 1
    folder.rename(tmp_path / "own")
    folder.symlink_to(tmp_path / "own")
    assert install.weights(asked, ("non-commercial",)) == []
    for broken in (b"\xff", b"[" * 100_000):
        (folder / pull.REVISION).write_bytes(broken[:1])
        (folder / pull.VERIFIED).write_bytes(broken)
        assert home.described(asked)[0].endswith("as found here, not verified")


def test_without_its_record_the_newest_of_unpinned_weights_is_fetched(manifest):
    free = manifest.model_copy(update={"weights": (FREE,)})
    put(free, FREE, "d" * 40)
    (home.of(free).weights / "free" / pull.REVISION).unlink()
    assert home.unpinned(free) == ["a/free (unpinned)"]
    assert install.weights(free, ()) == []
    (step,) = install.weights(free, (), unpinned=True)
    assert json.loads(step.command[2])["revision"] == "main"
