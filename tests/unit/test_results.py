"""What README and pages say in numbers is what the committed results hold."""

import hashlib
import importlib
import re

import pytest

from jova.codecs.base import WEIGHTS
from jova.pipeline import FILES
from jova.training.config import TrainConfig
from jova.training.recipes import RECIPES
from support.committed import RESULTS, data, rows, text
from support.made_runs import made_run
from support.shown import ROOT


@pytest.fixture
def script(monkeypatch):
    """Loads a script, which finds the scripts beside it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module


# --- the shipped model ---

COLUMNS = {
    "LSE-C a": ("LSE-C a (embedded)", 3), "sync within 1": ("Sync within 1 a (embedded)", 3),
    "FVD": ("FVD (embedded)", 1), "FAD": ("FAD (embedded)", 1), "WER": ("WER (embedded)", 3),
    "DNSMOS": ("DNSMOS (embedded)", 2),
}  # fmt: skip


def test_the_readmes_table_is_the_leaderboards():
    found = {(row["model"], row["label"]): row for row in data("leaderboard")["records"] if row["slice"] is None}
    table = rows(text("README.md").partition("| model | LSE-C a")[2].partition("\n\n")[0])[1:]
    head = [cell.rstrip(" ↑↓") for cell in rows(text("README.md"))[0]]
    assert len(table) == 9
    for model, *cells in table:
        for name, shown in zip(head[1:], cells, strict=True):
            label, places = COLUMNS[name]
            row = found[model, label]
            if row["value"] is None:
                assert shown == "undefined: silent"
                assert list(row["reasons"]) == ["silent"]
            else:
                lo, hi = row["ci"]
                assert shown == f"{row['value']:.{places}f} [{lo:.{places}f}, {hi:.{places}f}]"


EDITS = {
    "words of the speech": ("speech", "WER (new words) (embedded)"),
    "the mouth, for other audio": ("mouth", "LSE-C a (embedded)"),
    "a picture, for given audio and first frame": ("picture", "LSE-C a (embedded)"),
    "audio, for a given picture": ("sound", "WER (embedded)"),
}
"""Kind of edit and metric of each row of the README's table of edits."""


def test_the_readmes_edits_are_those_of_the_results():
    found = {(row["slice"], row["model"], row["label"]): row for row in data("edits")["records"]}
    head, *table = rows("| made |" + text("README.md").partition("| made |")[2].partition("\n\n")[0])
    assert head[2:] == ["jova-edit", "unedited", "real"]
    assert [made for made, *_ in table[1:]] == list(EDITS)
    for made, _, *cells in table[1:]:
        kind, label = EDITS[made]
        for model, shown in zip(head[2:], cells, strict=True):
            row = found[f"edit={kind}", model, label]
            lo, hi = row["ci"]
            assert shown == f"{row['value']:.3f} [{lo:.3f}, {hi:.3f}]"


KINDS = ("speech", "mouth", "picture", "sound")
PAIRED = {"lse_c": "LSE-C", "lse_d": "LSE-D", "av_offset_frames": "AV offset", "mouth_audio_corr": "mouth-audio corr",
          "wer": "WER"}  # fmt: skip
"""Metrics of the paired tests of edits, as their page names them."""


def test_edits_are_held_against_clips_made_anew_kind_by_kind():
    tests = data("edit-kinds")
    assert [one["slice"] for one in tests] == [f"edit={kind}" for kind in KINDS]
    means = {(row["slice"], row["model"], row["identity"]): row["value"] for row in data("edits")["records"]}
    table = rows(text("results/edits.md").partition("## Against clips made anew")[2].partition("## All")[0])[2:]
    shown, verdicts, found = [], {}, []
    for one in tests:
        for row in one["rows"]:
            judge = {"syncnet-a": " a", "syncnet-b": " b"}.get(row["identity"].partition(":")[2].partition("[")[0], "")
            lo, hi = row["ci"]
            delta = f"{row['delta']:+.3f} [{lo:+.3f}, {hi:+.3f}]"
            kind = one["slice"].removeprefix("edit=")
            shown.append([kind, PAIRED[row["metric"]] + judge, f"{row['a']:.3f}", f"{row['b']:.3f}", delta,
                          f"{row['p_holm']:.2g}", row["verdict"]])  # fmt: skip
            verdicts.setdefault((kind, row["metric"]), set()).add(row["verdict"])
            assert row["n"] == 24
            for model, value in (("jova", row["a"]), ("jova-edit", row["b"])):
                assert abs(value - means[one["slice"], model, row["identity"]]) < 0.002
            if row["metric"] == "wer":
                found.append(row["min_detectable"])
    assert table == shown
    for kind, verdict in (("sound", "worse"), ("speech", "better")):
        assert all(verdicts[kind, name] == {verdict} for name in ("lse_c", "lse_d", "mouth_audio_corr"))
    assert {key for key, verdict in verdicts.items() if verdict != {"no difference shown"}} == {
        *((kind, name) for kind in ("sound", "speech") for name in ("lse_c", "lse_d", "mouth_audio_corr")),
        ("picture", "mouth_audio_corr"),
    }
    assert f"a difference of {min(found):.2f} to {max(found):.2f} four" in re.sub(r"\s+", " ", text("results/edits.md"))


def test_the_readme_says_of_kinds_of_edits_what_their_tests_found():
    said = re.sub(r"\s+", " ", text("README.md"))
    lse_c = {row[0]: row[4] for row in rows(text("results/edits.md")) if row[1:2] == ["LSE-C a"]}
    assert f"follows it worse than free generation does, LSE-C a by {lse_c['sound']};" in said
    assert f"LSE-C a is better, by {lse_c['speech']};" in said


@pytest.mark.parametrize("judge", ["a", "b"])
def test_the_offset_ranks_free_generation_before_edits_for_clips_of_sound(judge):
    board, label = data("edits"), f"AV offset (frames) {judge} (embedded)"
    of_it = {(row["slice"], row["model"]): row for row in board["records"] if row["label"] == label}
    identity = of_it[None, "jova"]["identity"]
    assert {(row["model"], row["first"], row["last"]) for row in board["ranks"] if row["identity"] == identity} == {
        ("jova", 1, 1), ("jova-edit", 2, 2),
    }  # fmt: skip
    off = {kind for kind in KINDS if of_it[f"edit={kind}", "jova-edit"]["ci"] != [0, 0]}
    assert off == {"sound"}
    free, edits = (f"{of_it[None, model]['value']:.2f}" for model in ("jova", "jova-edit"))
    said = re.sub(r"\s+", " ", text("README.md"))
    assert f"`jova` has rank 1, `jova-edit` 2 (means of {free} and {edits} frames)" in said


def test_the_table_of_bars_of_edits_is_what_their_leaderboard_gives(script, capsys):
    script("edit_bars").main([str(RESULTS / "edits.json")])
    assert capsys.readouterr().out in text("results/edits.md")


def test_the_page_of_the_training_names_the_files_that_ship():
    page = text("results/training.md")
    for name in FILES:
        digest = hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest()
        assert re.search(rf"`{digest[:12]}`\s\({name.partition('.')[0]}\)", page), name
    assert (RECIPES["tiny"].clips, RECIPES["tiny"].training) == (
        12000, TrainConfig(steps=14000, batch=32, edit_share=0.35, precision="bfloat16"),
    )  # fmt: skip
    assert "14,000 steps of 32 clips; 35 % of the examples are edits" in page


def test_two_trainings_are_shown_as_measured_and_the_rule_let_the_second_ship(script):
    compared = script("two_trainings")
    assert compared.page(data("two-trainings")) == text("results/two-trainings.md")
    verdicts = {
        (row["metric"], row["verdict"]) for row in data("two-trainings")["differences"] if row["model"] == "recipe"
    }
    assert {metric for metric, _ in verdicts} >= set(compared.DECIDING)
    assert not {metric for metric, verdict in verdicts if verdict == "worse"} & set(compared.DECIDING)


def test_the_table_of_bars_is_what_the_leaderboard_gives(script, capsys):
    script("bars").main([str(RESULTS / "leaderboard.json")])
    assert capsys.readouterr().out in text("results/bars.md")


def board(jova, real, codec=0.5):
    """A leaderboard of these LSE-C, where everything else is 1."""
    records = [
        {"model": model, "metric": metric, "slice": None, "value": 1.0, "ci": [0.95, 1.0],
         "identity": f"{metric}@1/embedded:{'syncnet-' * (metric in ('lse_c', 'sync_within_1'))}{judge}"}
        for model in ("jova", "real", "codec", "shuffled")
        for metric in ("wer", "sync_within_1", "mouth_audio_corr", "prompt_hair", "prompt_background", "prompt_voice",
                       "lse_c")
        for judge in "ab"
    ]  # fmt: skip
    for row in records:
        if row["metric"] == "lse_c":
            row["value"], row["ci"] = {
                "jova": jova, "real": real, "codec": (codec, [codec, codec]), "shuffled": (0.1, [0.1, 0.1]),
            }[row["model"]]  # fmt: skip
    return {"records": records, "cost": [{"model": "jova", "real_time_factor": 2.0}]}


@pytest.mark.parametrize(
    ("jova", "said"),
    [
        # From chance 0.1 to the codec 0.5 it is 0.4; 0.42 is at 0.8.
        ((0.46, [0.44, 0.48]), "| 0.900 | [0.850, 0.950] | >= 0.800 | met |"),
        ((0.44, [0.40, 0.48]), "| 0.850 | [0.750, 0.950] | >= 0.800 | met by the mean alone |"),
        ((0.40, [0.38, 0.48]), "| 0.750 | [0.700, 0.950] | >= 0.800 | **not met** |"),
    ],
)
def test_a_bar_is_met_by_the_mean_or_by_the_interval_or_not(script, jova, said):
    lines = [bar.row() for bar in script("bars").bars(board(jova, (0.55, [0.5, 0.6])))]
    assert f"| LSE-C, (jova - shuffled) / (codec - shuffled), judge b {said}" in lines
    assert "| real-time factor | 2.000 |  | <= 1.000 | **not met** |" in lines
    # 1 is at most 1 + 0.03 as is its interval; the share's interval is below 1 - 0.02.
    assert "| WER (real 1.000, codec 1.000) | 1.000 | [0.950, 1.000] | <= 1.030 | met |" in lines
    assert "| prompt_hair (real 1.000) | 1.000 | [0.950, 1.000] | >= 0.980 | met by the mean alone |" in lines


def test_edits_are_held_against_their_bars_kind_by_kind(script):
    values = {
        ("speech", "jova-edit", "wer_new"): 0.25, ("speech", "unedited", "wer_new"): 1.0,
        ("mouth", "jova-edit", "lse_c"): 0.35, ("mouth", "unedited", "lse_c"): 0.1, ("mouth", "real", "lse_c"): 0.5,
        ("picture", "jova-edit", "kept_audio"): 0.999,
    }  # fmt: skip
    metrics = {"lse_c": "ab", "sync_within_1": "ab"} | dict.fromkeys(
        ("wer", "wer_new", "prompt_hair", "prompt_background", "prompt_voice", "kept_audio", "kept_psnr"), "x"
    )
    records = []
    for kind in ("speech", "mouth", "picture", "sound"):
        for model in ("jova-edit", "real", "unedited"):
            for metric, judges in metrics.items():
                for judge in judges:
                    backend = f"syncnet-{judge}" if judges == "ab" else "other"
                    other = 0.2 if (model, metric) == ("unedited", "lse_c") else 40.0 if metric == "kept_psnr" else 1.0
                    value = values.get((kind, model, metric), other)
                    records.append(
                        {"slice": f"edit={kind}", "model": model, "metric": metric, "value": value,
                         "ci": [value, value], "identity": f"{metric}@1/embedded:{backend}"}
                    )  # fmt: skip
    lines = [bar.row() for bar in script("edit_bars").bars({"records": records})]
    assert "| speech: wer_new | 0.250 | [0.250, 0.250] | <= 0.500 | met |" in lines
    share = "(jova-edit - unedited) / (real - unedited)"  # 0.25 of 0.4
    assert f"| mouth: LSE-C, {share}, judge b | 0.625 | [0.625, 0.625] | >= 0.600 | met |" in lines
    assert "| picture: kept_audio | 0.999 | [0.999, 0.999] | >= 1.000 | **not met** |" in lines
    assert "| sound: kept_psnr | 40.000 | [40.000, 40.000] | >= 39.000 | met |" in lines
    assert "| sound: wer | 1.000 | [1.000, 1.000] | <= 0.500 | **not met** |" in lines
    assert len(lines) == 2 + 2 * 6 + 3 + 3 + 3


def test_knock_outs_are_shown_as_measured(script):
    assert script("knockout").page(data("knockout")) == text("results/knockout.md")


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["knockout", "--page"], "{}: expected"), (["two_trainings", "--page"], "{}: expected"),
        (["bars"], "{}: expected"), (["edit_bars"], "{}: expected"),
        (["edit_sheet", "--out", "{}.png"], "expected a run folder with a manifest.json, got {};"),
        (["contact_sheet", "--out", "{}.png"], "expected a run folder with a manifest.json, got {};"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_script_refuses_a_file_or_run_that_is_missing_or_another(script, capsys, tmp_path, words, refused):
    name, *flags = (word.format(tmp_path / "sheet") for word in words)
    for path in (tmp_path / "none.json", RESULTS / "words.json", RESULTS):
        with pytest.raises(SystemExit, match="2"):
            script(name).main([*flags, str(path)])
        said = capsys.readouterr()
        assert refused.format(path) in said.err
        assert said.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("edit_sheet", "expected clips by jova-edit for edits of embedded-edits, got none in {}; name the suite"),
        ("contact_sheet", "expected clips by jova in {}, got none; name one of other as --model"),
    ],
)
def test_a_sheet_of_no_clips_and_one_that_cannot_be_written_are_refused(script, capsys, tmp_path, name, said):
    made_run(tmp_path / "run", {"other": {"score": [1.0]}})
    for out, message in (("sheet.png", said), ("none/sheet.png", "in a folder that is there as --out, got"),
                         ("sheet.txt", "expected a name that ends in .png")):  # fmt: skip
        with pytest.raises(SystemExit, match="2"):
            script(name).main([str(tmp_path / "run"), "--out", str(tmp_path / out)])
        assert message.format(tmp_path / "run") in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_trainings_are_there_before_a_clip_is_drawn(script, capsys, tmp_path):
    for old, new in ((tmp_path / "none", WEIGHTS), (WEIGHTS, tmp_path / "none")):
        with pytest.raises(SystemExit, match="2"):
            script("two_trainings").main([str(tmp_path / "run"), "--old", str(old), "--new", str(new)])
        said = capsys.readouterr().err
        assert (
            "expected --old and --new to be folders of a model and its codecs, got weights missing: jova-tiny" in said
        )
        assert f"in {tmp_path / 'none'}" in said
    assert not list(tmp_path.iterdir())


def test_what_is_read_from_the_knock_outs_stands_in_their_table():
    (said,) = re.findall(r"^\*\*Lips\.\*\*.*?\n\n", text("results/training.md"), re.MULTILINE | re.DOTALL)
    quoted = re.findall(r"0\.\d+ \[0\.\d+, 0\.\d+\]", said)
    assert len(quoted) == 2
    assert all(one in text("results/knockout.md") for one in quoted)


def test_the_tutorial_shows_what_its_clips_give():
    """They are the clips of the gate's reference: the first sixteen prompts, real and shuffled."""
    means = {}
    for column in data("ci-reference")["columns"]:
        values = [cell["value"] for cell in column["cells"] if cell.get("value") is not None]
        if column["identity"].startswith("lse_c@") and "syncnet-a" in column["identity"]:
            assert len(values) == 16
            means[column["model"]] = f"{sum(values) / len(values):.2f}"
    (shown,) = [
        row for row in rows(text("docs/tutorial.md")) if row[:2] == ["clips_a → clips_b", "LSE-C a (embedded) ↑"]
    ]
    assert shown[2:4] == [means["real"], means["shuffled"]]


def test_spans_asked_to_be_silent_are_as_the_page_says():
    page = text("results/silences.md")
    changes = [float(row[4]) for row in rows(page)[2:]]
    assert f"Of {len(changes)} spans, {sum(one <= -10 for one in changes)} are quieter by 10 dB or more, " in page
    said = re.sub(r"\s+", " ", text("docs/training.md"))
    assert f"made {sum(one <= -10 for one in changes)} of the {len(changes)} spans of `embedded-edits` quieter" in said
    assert (
        f"; {['none', 'one', 'two', 'three'][sum(one > -2 for one in changes)]} are within 2 dB of the speech" in said
    )
