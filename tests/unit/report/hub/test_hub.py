"""The folder of `report --hub`: what is in it, what the Hub's own reader makes of it, and what never is in it."""

import json
import shutil
import socket
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import yaml

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.report.hub import redaction as redacting
from jova_bench.report.hub.folder import MARK, write_hub
from jova_bench.report.hub.licences import ALLOWING, terms
from jova_bench.report.hub.models import DATASET, task_id
from jova_bench.runs.store import FEATURES, SAMPLES, read_run
from support.made_runs import Clips, Spread, blank_manifest, made_run, undefined

SECRETS = (
    "alice",
    "gpu-7",
    "falcon-heavy-9",
    "s3cr3t-value",
    "srv-data",
    "acme-private",
    "bob",
    "10.1.2.3",
    "gpu9.corp",
    "secret client",
    "planted",
    "2001:db8",
    "srv/vault",
)
"""What is planted, as it must not stand anywhere, in any case of letters."""
PLACE = "/work/x/Acme Secret Client/clips"
WHY = "cannot read '/srv-data/alice/clip one.mp4' on gpu-7: s3cr3t-value of falcon-heavy-9 at http://gpu9.corp:8000/v1"
CAPTION = "a heron that wades"


def clip(path, tag=None):
    frames = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.full((1, 32, 32, 3), 20, np.uint8)
    audio = np.sin(np.arange(8000) * 0.2).astype(np.float32)[None] / 2
    media.write(path, frames, Fraction(25), audio, 16_000)
    if tag is not None:
        plain = path.with_name("plain.mp4")
        path.rename(plain)
        with av.open(str(plain)) as source, av.open(str(path), "w") as target:
            target.metadata["comment"] = tag
            streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
        plain.unlink()


def planted(folder):
    """A run of two models and a control, with what tells of its machine in every place that has texts of it."""
    values = {
        "good": {"score": [1.0, 2.0, 3.0, 5.0], "spread": [[1.0, 0.0]] * 4},
        "bad": {"score": [0.5, undefined(WHY), 0.25, 1.0], "spread": [*[[2.0, 0.0]] * 3, undefined("no clip")]},
        "real": {"score": [4.0, 4.0, 5.0, 6.0], "spread": [[0.5, 0.0]] * 4},
    }
    made_run(folder, values, [Clips("score"), Spread("spread")], failed=[("bad", "p03", 0)])
    clip(folder / "c.mp4")
    clip(folder / "tagged.mp4", tag="made in /srv-data/alice/workflow.json")
    manifest = json.loads((folder / "manifest.json").read_text())
    for prompt in manifest["prompts"]:
        prompt |= {
            "video_caption": CAPTION, "tags": {"hair": "red", "made_by": f"gpu-7, {PLACE}", "api_key": "planted"},
            "image": "planted of/alice.png", "audio": f"{PLACE}/v.wav", "transcript": "word word",
            "speakers": [{"id": who, "text": "word", "image": f"{PLACE}/x.png"} for who in ("one", "alice")],
        }  # fmt: skip
    plan = {
        name: None for name in ("frames", "fps", "height", "width", "sample_rate_hz", "seconds", "audio", "weights")
    }
    manifest["models"]["good"] |= {
        "asked": f"clips:{PLACE}", "settings": {
            "options": {
                "weights": "/srv-data/bob/w.safetensors", "api_key": "planted-1", "steps": 8, "sampler": "unipc",
            },
        },
        "plans": {"p00": plan | {"note": f"server: {WHY}", "settings": {"url": "http://10.1.2.3:8000"}}},
    }  # fmt: skip
    manifest["fairness"] |= {"settings": {"good": {"options": {"cache": "/srv-data/alice/cache"}}}, "seeds": WHY}
    manifest["provenance"][0] |= {
        "packages": {"acme-private": "1.0", "numpy": "2.4.1", "opencv_python-headless": "4.13.0.90"},
        "platform": "Linux-6.1-gpu-7-x86_64",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
    told = f"OPENAI_API_KEY=planted-2 from 2001:db8::1 in {PLACE}, which is gone"
    lines[0] |= {"findings": [{"code": "vfr", "detail": WHY}, {"code": "silent", "detail": told}]}
    lines[1] |= {"clip": "tagged.mp4"}
    for line in lines:
        line["reason"] = WHY if line["status"] == "failed" else None
    (folder / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    summary = json.loads((folder / "summary.json").read_text())
    of_slices = [one | {"slice": "hair=red"} for one in summary["estimates"]]
    (folder / "summary.json").write_text(json.dumps(summary | {"estimates": summary["estimates"] + of_slices}))
    return folder


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A machine and a user with names, and variables with values."""
    tmp_path_factory.getbasetemp()  # Named after the true user.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redacting.getpass, "getuser", lambda: "alice")
        patch.setattr(socket, "gethostname", lambda: "gpu-7")
        patch.setenv("PROJECT_CODE_NAME", "falcon-heavy-9")
        patch.setenv("SOME_TOKEN", "s3cr3t-value")
        yield patch


@pytest.fixture(scope="module")
def run(machine, tmp_path_factory):
    return planted(tmp_path_factory.mktemp("Bob Smith") / "run")


@pytest.fixture(scope="module")
def closed(run):
    """The folder of a suite whose licence is not known."""
    return write_hub(run, run.parent / "closed", workers=0)


@pytest.fixture(scope="module")
def opened(run):
    """The folder under a licence that the user states."""
    return write_hub(run, run.parent / "opened", licence="CC-BY-4.0", workers=0)


def contents(folder):
    """Files of ours by path; the script of Plotly is not."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "plotly.min.js"
    }


def rows(folder, table):
    return [json.loads(line) for line in (folder / f"dataset/data/{table}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("which", ["closed", "opened"])
def test_nothing_tells_of_the_machine_its_user_or_its_secrets(which, run, request):
    found = contents(request.getfixturevalue(which))
    assert all(
        secret in (run / "manifest.json").read_text() + (run / SAMPLES).read_text() for secret in ("alice", "gpu-7")
    )
    for path, content in found.items():
        for secret in (*SECRETS, str(run.parent).lower()):
            assert secret.encode() not in content.lower(), f"{path}: {secret}"
            assert secret not in path.lower()
    assert b"cannot read 'PATH' on HOST: SECRET of SECRET at HOST" in found["dataset/samples.jsonl"]
    assert b"SECRET from HOST in PATH, which is gone" in found["dataset/samples.jsonl"]
    model = json.loads(found["dataset/manifest.json"])["models"]["good"]
    assert (model["asked"], model["plans"]["p00"]["note"]) == ("clips:PATH", "")
    assert model["settings"]["options"] == {"weights": "PATH", "api_key": "SECRET", "steps": 8, "sampler": "unipc"}
    packages = json.loads(found["dataset/manifest.json"])["provenance"][0]["packages"]
    assert packages == {"numpy": "2.4.1", "opencv_python-headless": "4.13.0.90"}


@pytest.mark.parametrize("which", ["closed", "opened"])
def test_the_data_set_is_a_run_with_the_numbers_of_the_run(which, run, request):
    before, after = read_run(run), read_run(request.getfixturevalue(which) / "dataset")

    def numbers(one):
        return [estimate.model_dump(exclude={"reasons"}) for estimate in one.summary.estimates]

    assert numbers(after) == numbers(before)
    assert [score.value for score in after.scores] == [score.value for score in before.scores]
    assert [sum(one.reasons.values()) for one in after.summary.estimates] == [
        sum(one.reasons.values()) for one in before.summary.estimates
    ]


def test_without_a_licence_no_clip_and_no_text_of_a_prompt_is_published(closed):
    found = contents(closed)
    assert not [path for path in found if path.endswith((".mp4", ".jpg"))]
    assert not [path for path, content in found.items() if CAPTION.encode() in content]
    card = found["dataset/README.md"].decode()
    why = "the licence of the suite is not known here"
    assert f"- 11 clips: {why}." in card
    assert f"- texts of the prompts: {why}." in card
    assert "license: unknown\n" in card
    assert not (closed / "dataset/data/prompts.jsonl").exists()
    assert {row["clip"] for row in rows(closed, "samples")} == {None}
    for prompt in read_run(closed / "dataset").manifest.prompts:  # Only the tag that a slice of the numbers is of.
        assert (prompt.tags, prompt.image, prompt.speakers) == ({"hair": "red"}, None, ())
    assert b"p00" in found["space/index.html"]


def test_under_a_licence_prompts_and_clips_are_published_but_for_those_whose_file_tells(opened, run):
    found = contents(opened)
    assert found["dataset/c.mp4"] == (run / "c.mp4").read_bytes()
    assert "dataset/tagged.mp4" not in found
    card = found["dataset/README.md"].decode()
    assert "- 1 clip: its file has a tag 'comment', which may tell of this machine or its user." in card
    prompt = read_run(opened / "dataset").manifest.prompts[0]
    assert prompt.tags == {"hair": "red", "made_by": "HOST, PATH", "api_key": "SECRET"}
    assert (prompt.image, prompt.audio, prompt.speakers[1].image) == ("USER.png", "v.wav", "x.png")
    assert [one.id for one in prompt.speakers] == ["one", "USER"]
    assert "license: cc-by-4.0\n" in card
    assert [row["video_caption"] for row in rows(opened, "prompts")] == [CAPTION] * 4
    assert [row["clip"] for row in rows(opened, "samples")].count("c.mp4") == 10
    assert CAPTION.encode() in found["space/prompts/0001.html"]
    assert sorted(path for path in found if path.startswith("space/clips/")) == [
        f"space/clips/{prompt:04d}-m{model}-s0.mp4"
        for prompt in range(1, 5)
        for model in range(3)
        if (prompt, model) not in ((2, 0), (4, 1))
    ]


def test_the_hubs_own_reader_takes_the_cards(opened):
    from huggingface_hub import DatasetCard, SpaceCard

    about = DatasetCard.load(opened / "dataset/README.md").data
    assert (about.license, about.language, about.size_categories) == ("cc-by-4.0", ["en"], ["n<1K"])
    configs = {one["config_name"]: one for one in about.configs}
    assert [name for name, one in configs.items() if one.get("default")] == ["estimates"]
    for info in about.dataset_info:
        name = info["config_name"]
        (file,) = configs[name]["data_files"]
        assert file == {"split": "test", "path": f"data/{name}.jsonl"}
        types = {feature["name"]: feature["dtype"] for feature in info["features"]}
        python = {"string": str, "float64": float, "int64": int}
        for row in rows(opened, name):
            assert list(row) == list(types)
            assert all(value is None or isinstance(value, python[types[key]]) for key, value in row.items())
    assert configs.keys() == {"estimates", "scores", "samples", "metrics", "prompts"}
    space = SpaceCard.load(opened / "space/README.md").data
    assert (space.sdk, space.app_file) == ("static", "index.html")
    assert (opened / "space" / space.app_file).is_file()


def test_the_hubs_own_reader_takes_what_models_may_add(opened):
    from huggingface_hub import ModelCard, eval_result_entries_to_yaml, parse_eval_result_entries

    assert sorted(path.name for path in (opened / "models").iterdir()) == ["bad", "good"]
    summary = read_run(opened / "dataset").summary
    tasks = yaml.safe_load((opened / "eval.yaml").read_text())["tasks"]
    for model in ("good", "bad"):
        expected = {task_id(one.identity): one for one in summary.estimates if one.model == model}
        text = (opened / f"models/{model}/.eval_results/jova-bench-made.yaml").read_text()
        assert text.startswith("# ")
        data = yaml.safe_load(text)
        entries = parse_eval_result_entries(data)
        assert eval_result_entries_to_yaml(entries) == data
        assert {one.task_id: one.value for one in entries} == {name: one.value for name, one in expected.items()}
        assert {one.dataset_id for one in entries} == {DATASET}
        assert {one.task_id for one in entries} <= {task["id"] for task in tasks}
        for one in entries:
            estimate = expected[one.task_id]
            low, high = estimate.ci
            assert one.notes.startswith(f"95 % interval {low:.6g} to {high:.6g}; {estimate.n_ok} of 4 clips")
            assert one.notes.endswith(str(estimate.identity))
        card = ModelCard.load(opened / f"models/{model}/card.md")
        results = card.data.eval_results
        assert {(one.metric_type, one.metric_value) for one in results} == {
            (one.metric, one.value) for one in expected.values()
        }
        assert {(one.dataset_type, one.dataset_name, one.task_type) for one in results} == {
            (DATASET, "made", "text-to-video")
        }


def test_the_same_run_gives_the_same_bytes_and_takes_the_place_of_an_earlier_folder(opened, run):
    before = contents(opened)
    (opened / "stale.txt").touch()
    write_hub(run, opened, licence="cc-by-4.0", workers=0)
    assert contents(opened) == before
    assert not [path for path in run.parent.iterdir() if path.name.startswith(".")]


def test_a_link_stays_and_the_folder_that_it_leads_to_is_written(run, opened, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk/to-push")
    for _ in range(2):  # First the link leads to nothing, then to an earlier folder.
        write_hub(run, tmp_path / "link", licence="CC-BY-4.0", workers=0)
    assert contents(tmp_path / "disk/to-push") == contents(opened)
    assert (tmp_path / "link").is_symlink()
    assert [path.name for one in (tmp_path, tmp_path / "disk") for path in sorted(one.iterdir())] == [
        "disk", "link", "to-push",
    ]  # fmt: skip
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BenchError, match="a link that leads nowhere"):
        write_hub(run, tmp_path / "loop", workers=0)


def test_a_run_whose_folder_takes_nothing_is_shown_whole(machine, tmp_path):
    run = made_run(tmp_path / "run", {"good": {"score": [1.0]}})
    clip(run / "c.mp4")
    (run / FEATURES).touch()  # As unwritable as a read-only folder, for root, too.
    found = write_hub(run, tmp_path / "to-push", licence="CC-BY-4.0", workers=0)
    assert (found / "space/thumbs/0001-m0-s0.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert "Error" not in (found / "space/prompts/0001.html").read_text(encoding="utf-8")


def test_a_folder_with_a_repository_is_refused(run, tmp_path):
    (tmp_path / "dataset/.git").mkdir(parents=True)
    (tmp_path / MARK).touch()
    with pytest.raises(BenchError, match=r"earlier folder to push, got .*, which has the repository dataset/\.git"):
        write_hub(run, tmp_path, workers=0)
    assert (tmp_path / "dataset/.git").is_dir()


def test_a_folder_that_holds_something_else_is_refused(run, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    for target in (tmp_path, tmp_path / "thesis.txt", run, run.parent):
        assert cli.main(["report", str(run), "--hub", str(target)]) == 2
        assert "expected a new folder or an earlier folder to push" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    shutil.copytree(run, tmp_path / "to-push" / "run")
    (tmp_path / "to-push" / MARK).touch()
    assert cli.main(["report", str(tmp_path / "to-push" / "run"), "--hub", str(tmp_path / "to-push")]) == 2
    assert "expected a folder that does not hold the run" in capsys.readouterr().err
    assert read_run(tmp_path / "to-push" / "run").summary is not None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--licence", "mit"], "expected --hub with --licence"),
        (["--hub", "x", "--html"], "expected --hub alone or with --licence, got --html, too"),
        (["--hub", "x", "--licence", "CC-BY-ND-4.0"], "expected a licence that lets prompts and clips be published"),
    ],
)
def test_flags_that_do_not_fit_are_bad_input(run, capsys, flags, message):
    assert cli.main(["report", str(run), *flags]) == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_the_folder_and_says_what_is_left_out(run, tmp_path, capsys):
    assert cli.main(["report", str(run), "--hub", str(tmp_path / "to-push")]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'to-push'}\n"
    assert "left out: texts of the prompts: the licence of the suite is not known here" in captured.err
    assert "--licence states it" in captured.err
    assert "nothing was sent" in captured.err
    commands = (tmp_path / "to-push/PUSH.md").read_text()
    assert f"hf upload {DATASET} dataset --repo-type dataset" in commands


def test_a_missing_package_is_told_before_anything_is_written(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert cli.main(["report", str(run), "--hub", str(tmp_path / "to-push")]) == 2
    assert "pip install 'jova-bench[report]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_licences_decide_as_stated():
    from jova_bench.suites.loading import load_suite
    from jova_bench.suites.public import public_suites

    digest = load_suite("embedded").digest
    shipped = blank_manifest(suite="embedded", suite_digest=digest)
    assert (terms(shipped, None).licence, terms(shipped, None).why_not) == ("apache-2.0", None)
    with pytest.raises(BenchError, match="expected Apache-2\\.0, the licence of the suite embedded"):
        terms(shipped, "mit")
    assert "not known" in terms(blank_manifest(suite="embedded", suite_digest="another"), None).why_not
    by_name = {
        name: terms(blank_manifest(suite=name, suite_origin=one.origin), None) for name, one in public_suites().items()
    }
    assert {name for name, one in by_name.items() if one.why_not is None} == {
        "verse-bench-mova", "avgen-bench", "phyavbench",
    }  # fmt: skip
    unstated = blank_manifest(suite="vabench-t2av", suite_origin=public_suites()["vabench-t2av"].origin)
    with pytest.raises(BenchError, match="LicenseRef-not-stated"):
        terms(unstated, "mit")
    elsewhere = blank_manifest(suite="x", suite_origin=f"hf:my-lab/my-suite@{'0' * 40}")
    assert "not known" in terms(elsewhere, None).why_not
    assert not [one for one in ALLOWING if "nd" in one.split("-")]


def test_tables_are_parquet_where_it_can_be_written_and_datasets_loads_them(run, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    folder = write_hub(run, tmp_path / "to-push", workers=0) / "dataset"
    assert sorted(path.suffix for path in (folder / "data").iterdir()) == [".parquet"] * 4
    loaded = datasets.load_dataset(str(folder), "scores", split="test", cache_dir=str(tmp_path / "cache"))
    assert loaded["value"][:] == [score.value for score in read_run(run).scores]
    assert datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["test"].num_rows == 6


def test_slices_that_become_one_are_not_published(tmp_path):
    made_run(tmp_path / "run", {"good": {"score": [1.0, 2.0]}}, [Clips("score")])
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    twice = [one | {"slice": slice} for slice in ("voice=/a/b", "voice=/c/d") for one in summary["estimates"]]
    (tmp_path / "run" / "summary.json").write_text(json.dumps(summary | {"estimates": summary["estimates"] + twice}))
    with pytest.raises(BenchError, match="'voice=/a/b' and 'voice=/c/d', which become 'voice=PATH'"):
        write_hub(tmp_path / "run", tmp_path / "hub")
    assert not (tmp_path / "hub").exists()
