"""What `ls` and `doctor` print."""

import json

from jova_bench.assets import table as assets
from support.commands import call


def test_models_at_length_say_code_weights_and_settings(capsys):
    code, out, _ = call(capsys, "ls", "models", "--long")
    assert code == 0
    ovi = out.split("\novi ")[1].split("\novi-command ")[0]
    assert "    weights         hkchengrex/MMAudio@eb13a1a98fdbec91753775c57b074ccdfc60587c, licence CC" in ovi
    assert "    weights         chetwinlow1/Ovi (unpinned), licence unverified; unpinned: no public source" in ovi
    assert "    memory          80 GB of GPU memory (upstream's README" in ovi
    assert "    ignored         audio, video\n" in ovi
    assert "    inputs          image of the prompt, where it has one\n" in ovi


def test_listings_are_lists_of_named_objects(capsys):
    models = json.loads(call(capsys, "ls", "models", "--json")[1])
    assert {"real", "shuffled", "clips:DIR"} <= {model["name"] for model in models}
    assert all(model.keys() >= {"name", "needs", "available", "why_not"} for model in models)
    settings = {model["name"]: model["settings"] for model in models}
    assert settings["ovi"]["source"].startswith("https://github.com/character-ai/Ovi@")
    assert settings["shuffled"] == {"audio": "the real clip's of another prompt"}
    metrics = json.loads(call(capsys, "ls", "metrics", "--json")[1])
    fields = {"name", "identity", "profile", "level", "unit", "direction", "needs", "domain", "available", "why_not"}
    assert all(metric.keys() >= fields for metric in metrics)
    judges = [metric["name"] for metric in metrics if metric["identity"] is None]
    assert judges == ["judge:FILE.toml", "judge:avbench", "judge:speaker"]  # Their servers say which model answers.
    assert len({metric["identity"] for metric in metrics}) == len(metrics) - len(judges) + 1
    assert all((metric["why_not"] is None) == metric["available"] for metric in metrics)
    assert {"wer", "wer@versebench"} <= {metric["select"] for metric in metrics}
    for metric in metrics:
        name, _, bench = metric["select"].partition("@")
        assert metric["name"] == name
        if metric["protocol"] != "clean":
            assert metric["protocol"].partition("@")[0] == bench
    assert isinstance(json.loads(call(capsys, "ls", "suites", "--json")[1]), list)


def test_the_long_listing_says_what_a_protocol_does_and_which_weights_are_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    here = assets.asset_table().path("fsmn-vad")
    here.parent.mkdir()
    here.write_bytes(b"something")
    code, out, _ = call(capsys, "ls", "metrics", "--long")
    assert code == 0
    told = {}
    for line in out.split("\nwer@versebench (standard)")[1].splitlines()[1:]:
        if not line.startswith("    "):
            break
        key, value = line.split(maxsplit=1)
        told.setdefault(key, []).append(value)
    assert told["protocol"] == ["versebench@5645a09"]
    assert told["identity"][0].startswith("wer@2/standard/compat:versebench@5645a09:sensevoice-small")
    assert told["needs"] == ["audio, transcript"]
    assert "fsmn-vad (FunASR model licence; here; unverified: no digest is published)" in told["weights"]
    assert "sensevoice-small (FunASR model licence; jova-bench assets pull sensevoice-small)" in told["weights"]


def test_doctor_gives_the_line_that_installs_what_is_missing(capsys, monkeypatch):
    from importlib import metadata

    from jova_bench.tools import inventory as catalogue

    def version(name):
        if name == "pesq":
            raise metadata.PackageNotFoundError
        return metadata.version(name)

    monkeypatch.setattr(catalogue, "version", version)
    code, out, _ = call(capsys, "doctor")
    assert code == 0
    assert "pip install pesq" in out
    assert "pip install torch" not in out
    assert out.count("\ntorch  ") == 1


def test_doctor_names_what_cannot_be_loaded_of_each_kind(capsys, monkeypatch):
    from jova_bench.tools import inventory

    broken = {"name": "mine", "available": False, "why_not": "cannot be loaded"}
    for kind in ("models", "metrics", "suites"):
        monkeypatch.setattr(inventory, kind, lambda *_: [broken])
    out = call(capsys, "doctor").out
    assert [f"\n{kind} mine: cannot be loaded\n" in out for kind in ("model", "metric", "suite")] == [True] * 3


def test_no_two_metrics_have_the_same_line(capsys):
    lines = call(capsys, "ls", "metrics")[1].splitlines()
    names = [line.split("  ")[0] for line in lines]
    assert len(set(names)) == len(names)
    assert {"lse_c (embedded, syncnet-a)", "lse_c (embedded, syncnet-b)", "lse_c (standard)"} <= set(names)
    doctor = call(capsys, "doctor")[1].splitlines()
    assert len(set(doctor)) == len(doctor)
