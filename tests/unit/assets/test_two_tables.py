"""A table of weights is an object: two are in use at once, and below where it is made nobody asks the environment."""

import json
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch

import jova_bench as jb
from jova_bench import cli
from jova_bench.assets import pull, records
from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.errors import BenchError
from jova_bench.media.files import clip_from_arrays, write
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import network_cache
from jova_bench.report.html.site import write_html
from support.made_runs import Spread, made_run
from support.upstream import fake, fake_state, own_table, parity

SOUND = fake((1, 48_000), "wave").numpy() * 0.1
CLIP = clip_from_arrays(None, Fraction(0), SOUND, 16_000)


def table_of(folder: Path, scale: float) -> assets.AssetTable:
    """A table whose NISQA answers `scale` times what upstream answered to the same random network."""
    state = fake_state(parity("nisqa")["shapes"])
    for name in [name for name in state if name.startswith("pool_layers.") and "linear3" in name]:
        state[name] = scale * state[name]
    folder.mkdir()
    torch.save({"args": {}, "model_state_dict": state}, folder / "nisqa.tar")
    return assets.asset_table(own_table(folder, {"nisqa-v2": folder / "nisqa.tar"}))


def asked(table: assets.AssetTable) -> tuple[str, float]:
    """Identity and value of the clip by the weights of a table."""
    (metric,) = build(["nisqa"], "standard", MetricContext(NoCache(), assets=table))
    assert metric.check() is None
    return metric.spec.identity, metric.score(CLIP).value


def test_threads_with_different_tables_do_not_see_each_others(tmp_path, monkeypatch):
    monkeypatch.setattr(network_cache, "_networks", {})
    tables = [table_of(tmp_path / "one", 1.0), table_of(tmp_path / "two", 3.0)]
    apart = [asked(table) for table in tables]
    assert apart[1][1] == pytest.approx(3 * apart[0][1], rel=1e-5)  # The last layer is linear.
    assert all(table.digest("nisqa-v2") in identity for table, (identity, _) in zip(tables, apart, strict=True))
    both = Barrier(2)

    def together(table):
        found = []
        for _ in range(5):
            both.wait(30)
            found.append(asked(table))
        return found

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(together, tables))
    assert found == [[one] * 5 for one in apart]


def test_another_process_gets_the_table_as_it_is(tmp_path, monkeypatch):
    table = table_of(tmp_path / "own", 1.0)
    there = pickle.loads(pickle.dumps(table))
    monkeypatch.setenv(assets.TABLE_VARIABLE, str(tmp_path / "none.toml"))
    assert there == table
    assert there.find("nisqa-v2") == tmp_path / "own" / "nisqa.tar"


def test_every_node_has_a_home_of_its_own(tmp_path, monkeypatch):
    for name in (assets.FOLDER_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    table = assets.asset_table()
    for node in ("one", "two"):
        monkeypatch.setenv("HOME", str(tmp_path / node))
        assert table.folder == tmp_path / node / ".cache" / "jova_bench"


@pytest.fixture
def nobody_asks(monkeypatch, tmp_path):
    """Makes every look at the environment's table an error, in processes that are started, too."""
    monkeypatch.setenv(assets.TABLE_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(BenchError, match=r"none\.toml"):
        assets.asset_table()


@pytest.mark.slow
@pytest.mark.usefixtures("nobody_asks")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_takes_the_table_that_it_is_given_in_every_process(tmp_path, workers):
    table = table_of(tmp_path / "own", 1.0)
    for name in ("a", "b"):
        (tmp_path / "clips").mkdir(exist_ok=True)
        write(tmp_path / "clips" / f"{name}.wav", None, Fraction(0), SOUND, 16_000)
    given = {"metrics": ["nisqa", "fad"], "device": "cpu", "workers": workers, "assets": tmp_path / "own" / "own.toml"}
    found = jb.score(tmp_path / "clips", out=tmp_path / "first", **given)
    of = {estimate.metric: estimate for estimate in found.summary.estimates if estimate.slice is None}
    assert (of["nisqa"].n_ok, of["nisqa"].n_failed) == (2, 0)
    assert table.digest("nisqa-v2") in of["nisqa"].identity
    sides = [found.folder, shutil.copytree(found.folder, tmp_path / "second")]
    assert jb.compare(*sides, assets=given["assets"]).rows
    assert jb.gate(*sides, assets=given["assets"]).checks


@pytest.mark.usefixtures("nobody_asks")
def test_commands_and_calls_list_by_the_table_that_they_are_given(tmp_path, capsys):
    table, own = table_of(tmp_path / "own", 1.0), str(tmp_path / "own" / "own.toml")
    listed = jb.list_metrics(own)
    assert table.digest("nisqa-v2") in listed.loc["nisqa", "identity"]
    assert jb.metric("nisqa", assets=own).check() is None
    assert jb.torch_metric("nisqa", assets=own).metric.spec == jb.metric("nisqa", assets=own).spec
    assert cli.main(["assets", "path", "nisqa-v2", "--assets", own]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'own' / 'nisqa.tar'}\n"
    with pytest.raises(BenchError, match="expected assets= as a path, got 3"):
        jb.list_metrics(3)


@pytest.mark.usefixtures("nobody_asks")
def test_reports_and_sweeps_take_the_table_that_they_are_given(tmp_path, capsys):
    table_of(tmp_path / "own", 1.0)
    own = ["--assets", str(tmp_path / "own" / "own.toml")]
    vectors = np.random.default_rng(0).normal(size=(8, 3))
    # A distance, for which all metrics are built, whose specifications name their weights.
    run = made_run(tmp_path / "run", {"m": {"spread": vectors}, "n": {"spread": vectors + 1}}, [Spread()])
    for command in (["report", str(run)], ["sweep", "guidance", "--dry-run", "--out", str(tmp_path / "sweeps")]):
        assert cli.main(command) == 2
        assert "none.toml" in capsys.readouterr().err
        assert cli.main([*command, *own]) == 0
    pages = write_html(run, tmp_path / "pages", workers=0, assets=assets.asset_table(own[1]))
    assert "spread" in pages.read_text(encoding="utf-8")


def test_a_kill_while_a_digest_is_recorded_leaves_the_records_that_there_were(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)
    table, name = assets.asset_table(), next(one.name for one in assets.published().values() if one.sha256 is None)
    records.record(tmp_path, name, "a" * 64)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("jova_bench.files.writing.os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        records.record(tmp_path, "another", "b" * 64)
    assert table.expected(name) == "a" * 64
    assert [file.name for file in tmp_path.iterdir()] == [records.RECORD]


RECORD_MANY = """
import sys
from jova_bench.assets.records import record
from jova_bench.assets.table import folder
sys.stdin.readline()
for name in sys.argv[1:]:
    record(folder(), name, name[-1] * 64)
"""


def test_digests_that_two_processes_record_at_once_are_all_kept(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path / "none yet"))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)
    halves = [[f"{letter}{i}" for i in range(60)] for letter in "ab"]
    writers = [
        subprocess.Popen([sys.executable, "-c", RECORD_MANY, *names], stdin=subprocess.PIPE, text=True)
        for names in halves
    ]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdin.close()
    recorded = json.loads((tmp_path / "none yet" / records.RECORD).read_text())
    assert recorded == {name: name[-1] * 64 for names in halves for name in names}
    assert [file.name for file in (tmp_path / "none yet").iterdir()] == [records.RECORD]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "expected JSON"),
        (b'{"toy": "', "expected JSON, got Unterminated string"),
        (b"\xff\xfe", "got"),
        (b"[]", r"expected an object, got \[\]"),
        (b"null", "expected an object, got None"),
        (b'{"toy": 5}', "toy: expected a text, got 5"),
        (b'{"toy": "AB"}', "toy: .*, got 'AB'"),
        ("directory", "Is a directory"),
        ("dangling link", "No such file"),
    ],
)
def test_a_damaged_record_is_told_and_never_overwritten(tmp_path, monkeypatch, capsys, content, got):
    """Were it read as empty, a file that changed since would pass as seen for the first time."""
    unknown = assets.Asset(name="toy", file="toy.pt", url="https://example.org/toy.pt", licence="MIT", metrics=("m",))
    monkeypatch.setattr(assets, "published", lambda: {"toy": unknown})
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.delenv(assets.TABLE_VARIABLE, raising=False)
    (tmp_path / "toy.pt").write_bytes(b"another than was recorded")
    path = tmp_path / records.RECORD
    if content == "directory":
        path.mkdir()
    elif content == "dangling link":
        path.symlink_to(tmp_path / "unmounted")
    else:
        path.write_bytes(content)
    before = path.lstat()
    table = assets.asset_table()
    asks = (
        *(partial(ask, "toy") for ask in (table.find, table.digest, table.expected, table.first_seen)),
        partial(records.record, tmp_path, "other", "a" * 64),
        partial(pull.state, table, unknown),
        partial(pull.pull, table, unknown, None, True),
    )
    for ask in asks:
        with pytest.raises(BenchError, match=rf"^{path}\S* .*{got}.*are then recorded again"):
            ask()
    assert cli.main(["assets", "verify", "toy"]) == 2
    assert "are then recorded again" in capsys.readouterr().err
    assert (path.lstat().st_ino, path.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_damaged_record_is_an_error_of_verify_alone_where_no_file_needs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    assert cli.main(["assets", "verify"]) == 0
    (tmp_path / records.RECORD).write_text('{"a": ')
    capsys.readouterr()
    assert cli.main(["assets", "verify"]) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(assets.published())
    assert err.count("are then recorded again") == len(err.splitlines()) == 1
    for verb in (("ls", "metrics"), ("doctor",)):  # Neither needs the record to go on.
        assert cli.main([*verb]) == 0
        said = capsys.readouterr()
        assert (said.out + said.err).count("are then recorded again") == 1
        assert len(said.out.splitlines()) > 20
    with pytest.warns(UserWarning, match="are then recorded again"):
        assert "loudness" in jb.list_metrics().index


def test_the_digest_that_was_recorded_first_stays(tmp_path, monkeypatch):
    assert records.record(tmp_path, "toy", "a" * 64) == "a" * 64
    assert records.record(tmp_path, "toy", "b" * 64) == "a" * 64  # By a process that looked before the first wrote.
    assert records.recorded(tmp_path) == {"toy": "a" * 64}


def test_a_damaged_note_beside_a_file_is_no_digest_of_it(tmp_path):
    (file := tmp_path / "toy.pt").write_bytes(b"")
    right = records.sha256_of(file)
    assert right == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    note = tmp_path / ".toy.pt.sha256.json"
    for wrong in (5, "none", right.upper()):
        note.write_text(json.dumps({**json.loads(note.read_text()), "sha256": wrong}))
        assert records.sha256_of(file) == right


def test_metrics_are_listed_with_the_title_and_table_of_a_report():
    listed = jb.list_metrics()
    assert set(listed.loc["lse_c", "title"]) == {"LSE-C"}
    assert set(listed.loc["fvd", "family"]) == {"Distance from real clips"}
    assert listed[["title", "family"]].notna().all(axis=None)
