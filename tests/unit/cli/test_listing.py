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

    from jova_bench.tools import installed as catalogue

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


def test_lists_take_names_and_profiles_and_say_sizes_and_licences(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    lines = call(capsys, "ls", "models", "ltx-2", "jova", "real").out.splitlines()
    assert lines[0].startswith(
        "ltx-2                  needs nothing; weights 92.0 GB (LTX-2 Community License (unverif"
    )
    assert lines[1].endswith(" MB (Apache-2.0)")
    assert lines[2] == "real                   needs reference"
    assert call(capsys, "ls", "models", "ltx-2", "jova", "real", "--available").out.splitlines() == lines[1:]
    found = json.loads(call(capsys, "ls", "metrics", "wer", "--profile", "standard", "--json").out)
    assert {(one["name"], one["profile"]) for one in found} == {("wer", "standard")}
    assert {"wer", "wer@versebench"} <= {one["select"] for one in found}
    bench = json.loads(call(capsys, "ls", "metrics", "@theval", "--json").out)
    assert {one["select"].partition("@")[2] for one in bench} == {"theval"}
    (told,) = json.loads(call(capsys, "ls", "models", "ovi", "--json").out)
    assert [(one["size"], one["pinned"]) for one in told["weights"]][:1] == [(23_300_000_000, False)]
    for words, said in (
        (("ls", "models", "ovy"), "expected the name of a model, got 'ovy'; did you mean 'ovi'?"),
        (("ls", "metrics", "werr"), "expected the name of a metric, got 'werr'; did you mean 'wer'"),
        (("ls", "models", "--profile", "standard"), "expected metrics with --profile, got models"),
        (("doctor", "wherr"), "expected the name of a model, metric, suite, package or file of weights, got 'wherr'"),
    ):
        code, out, err = call(capsys, *words)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_doctor_begins_with_a_summary_and_takes_names(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(tmp_path))
    first, rest = call(capsys, "doctor").out.split("\n\n")
    assert len(first.splitlines()) == 6
    assert len(rest.splitlines()) > 50
    told = json.loads(call(capsys, "doctor", "--json").out)
    usable = sum(one["available"] for one in told["models"])
    assert f"models: {usable} of {len(told['models'])} can be used here" in first
    here = call(capsys, "doctor", "ovi", "whisper-tiny").out
    assert here.startswith("model ovi: checkout missing, environment missing: jova-bench baselines setup ovi")
    assert "    weights chetwinlow1/Ovi (unpinned): 23.3 GB, licence unverified, to fetch\n" in here
    assert "weights whisper-tiny: to fetch: jova-bench assets pull whisper-tiny\n" in here
    (one,) = json.loads(call(capsys, "doctor", "pesq", "--json").out)["packages"]
    assert one["name"] == "pesq"


def test_on_a_terminal_a_list_is_a_table_as_wide_as_that(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("TERM", "dumb")
    out = call(capsys, "ls", "models", "ovi", "real").out
    assert max(map(len, out.splitlines())) <= 70
    table, _, hint = out.rpartition("jova-bench doctor NAME")
    assert ("missing" in table, "Ovi/model" in table, "setup" in table, bool(hint)) == (True, False, False, True)
