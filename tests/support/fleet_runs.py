"""Fixtures of tests of what answers units where: the models of `fleet`, and a run of them in one process."""

import sys

import pytest

from support import fleet


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The models of `fleet`, installed while the tests of a file last."""
    folder = tmp_path_factory.mktemp("site")
    fleet.install(folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """The file that is there once a worker has died."""
    monkeypatch.setenv(fleet.MARK, str(tmp_path / "mark"))
    return tmp_path / "mark"


@pytest.fixture(scope="module")
def whole(package, tmp_path_factory):
    """A run of this process alone: a control and a model."""
    folder = tmp_path_factory.mktemp("whole")
    fleet.go(folder, ["real", "noise"], workers=0)
    return folder
