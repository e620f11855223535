"""A run on a Ray cluster, here one of two cores, is the run of one process, whatever dies in it."""

import os
import sys
from pathlib import Path

import pytest

from jova_bench.errors import BenchError
from jova_bench.execution.base import TaskFailed
from jova_bench.runs.store import read_run
from support.far_away import Lonely, Reader
from support.fleet import go
from support.tiny_runs import content

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'jova-bench[ray]'")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def two_cores(package):
    """A cluster whose workers find the tests and the models of `fleet`, as nodes that had them installed would."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    path = os.pathsep.join([str(package), *map(str, [HERE, *HERE.parents[:2]]), os.environ.get("PYTHONPATH", "")])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100_000_000,
        runtime_env={"env_vars": {"PYTHONPATH": path}},
    )
    yield
    ray.shutdown()


def test_a_run_on_a_cluster_that_loses_a_worker_equals_a_run_in_one_process(two_cores, whole, mark, tmp_path):
    result = go(tmp_path / "run", ["real", "dies-once"], executor="ray")
    assert mark.exists()
    assert (result.exit_code, result.failed) == (0, ())
    assert content(tmp_path / "run") == content(whole)
    # What workers extracted came back to the run: its set distances need no clip again.
    features = [{path.name for path in folder.glob("features/*/*.npz")} for folder in (tmp_path / "run", whole)]
    assert features[0] == features[1] != set()
    manifest = read_run(tmp_path / "run").manifest
    assert (manifest.device, manifest.provenance[-1].device_name) == ("cpu", "Ray on 1 node")


@pytest.fixture
def workers(two_cores):
    from jova_bench.execution.ray import Ray, cluster

    with cluster() as has:
        assert (has.cpus, has.gpus, has.device_name) == (2, 0, "Ray on 1 node")
        # One more than there is room for: nobody waits for it.
        yield Ray(has, workers=3)
    assert ray.is_initialized()  # It was there before, so it stays.


def test_units_of_dead_workers_are_tried_again_and_then_lost(workers):
    answers = dict(workers.map(range(6), Lonely))
    (name,) = {answers.pop(3)}
    assert name == TaskFailed("worker lost (ActorDiedError), 3 times")
    assert answers.pop(4) == TaskFailed("ValueError: not four")
    assert {task: answer[0] for task, answer in answers.items()} == {0: 0, 1: 2, 2: 4, 5: 10}
    assert {answer[1] for answer in answers.values()} == {"1"}
    assert os.getpid() not in {answer[2] for answer in answers.values()}


def test_files_and_arrays_travel_without_a_shared_folder(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("note.txt").write_text("from home")
    task = (Path("note.txt"), Path("features"))  # Relative paths are the caller's.
    ((_, answer),) = workers.map([task], Reader)
    copy, same, text, first, second = answer
    assert copy != str(tmp_path / "note.txt")
    assert Path(copy).name == "note.txt"
    assert (same, text, first, second) == (True, "from home", 9, 9)
    assert len(list(tmp_path.glob("features/*/*.npz"))) == 1
    assert not Path(copy).exists()  # It went with its worker.
    ((_, lost),) = workers.map([(Path("absent.txt"), Path("features"))], Reader)
    assert isinstance(lost, TaskFailed)
    assert "FileNotFoundError" in lost.reason


def test_without_ray_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BenchError, match=r"not installed: ray; pip install 'jova-bench\[ray\]'"):
        go(tmp_path / "run", ["noise"], executor="ray")
    assert not (tmp_path / "run").exists()
