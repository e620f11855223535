"""What holds for every test, and real clips of the shipped suite, decoded once for all."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jova_bench.media import files as media
from jova_bench.media.clip import Clip
from jova_bench.prompts import Prompt
from jova_bench.suites.loading import load_suite

pytest_plugins = [
    "support.file_server",
    "support.hub_server",
    "support.fleet_runs",
    "support.tiny_codecs",
    "support.tiny_text",
    "support.wheel",
]
"""Fixtures that several files use."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Lets git note which files are as committed: every run asks, and after a checkout it would read all of them."""
    if not hasattr(session.config, "workerinput"):
        with suppress(OSError):
            subprocess.run(["git", "status"], cwd=Path(__file__).parent, capture_output=True, check=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what compares our networks with the originals: `make parity` runs it as a lesser processor would."""
    for item in items:
        if hasattr(getattr(item, "module", None), "upstream"):
            item.add_marker("parity")


@pytest.fixture(scope="session", autouse=True)
def _disk_unwaited() -> Iterator[None]:
    """No test cuts the power: what a killed process has written the system keeps, and the disk takes its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _numbers_of_its_own() -> None:
    """Starts the global generators anew, so that no test draws other numbers for the tests that ran before it."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        # `torch.manual_seed` notes the stack, too, once for each kind of device that is not there: milliseconds.
        torch.default_generator.manual_seed(0)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(0)


@pytest.fixture(scope="session")
def real_prompts() -> list[Prompt]:
    """The first ten prompts of the embedded suite."""
    return list(load_suite("embedded").prompts[:10])


@pytest.fixture(scope="session")
def real_clips(real_prompts: list[Prompt]) -> list[Clip]:
    """Their real clips."""
    suite = load_suite("embedded")
    return [replace(media.read(suite.path(str(prompt.reference))), in_domain=True) for prompt in real_prompts]


@pytest.fixture(scope="session")
def reference_features() -> dict[str, np.ndarray]:
    """`video` and `audio` embeddings of the reference split."""
    from safetensors.numpy import load_file

    return load_file(load_suite("embedded").root.parent / "embedded-reference.safetensors")
