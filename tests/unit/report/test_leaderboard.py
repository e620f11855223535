"""The leaderboard, from a summary written by hand."""

import json

import pytest

from jova_bench.errors import BenchError
from jova_bench.report.cells import cell
from jova_bench.report.files import write_report
from jova_bench.report.html.data import page_data
from jova_bench.report.leaderboard import leaderboard
from jova_bench.report.notes import Notes
from jova_bench.runs.store import RunStore
from jova_bench.summary import Cost, Summary
from support.estimates import JUDGES, estimate
from support.made_runs import blank_manifest, fairness, model_record, origin

FVD = "fvd@1/embedded:video[0123456789ab]"


def cost(model, **changes):
    fields = {"seconds_per_clip": 1.25, "real_time_factor": 0.428, "peak_memory_bytes": 512_400_000}
    return Cost(model=model, **fields | {"function_evals": 40.0} | changes)


def summary():
    free = {"reasons": {"free generation": 100}, "direction": "up", "value": None, "ci": None}
    return Summary(
        schema_version=1,
        suite="embedded",
        profile="embedded",
        estimates=(
            estimate("still", value=0.5, ci=(0.4, 0.61)),
            estimate("real", value=7.0, ci=(6.9, 7.1)),
            estimate("jova"),
            estimate("jova", identity=JUDGES["b"], value=6.1, ci=(6.0, 6.2)),
            estimate("jova", "wer", "wer@1/embedded:pocketsphinx", 0.05, (0.031, 0.069), (98, 2, 0), direction="down"),
            estimate("jova", "pesq", "pesq@1/standard:p862", n=(0, 100, 0), **free),
            estimate("real", "pesq", "pesq@1/standard:p862", n=(0, 0, 100), **free | {"reasons": {"no a|b": 100}}),
            estimate("jova", "fvd", FVD, 31.41, (25.0, 38.0), level="set", direction="down").model_copy(
                update={"extra": {"n": 100, "d": 32, "n_to_infinity": 12.34, "n_to_infinity_r2": 0.987}}
            ),
            estimate("jova", "loudness", "loudness@1/standard:bs1770", -23.0, (-23.5, -22.5), direction="target"),
            estimate("jova", "blink_rate", "blink_rate@1/standard:own", 0.3, (0.2, 0.4)),
            estimate("jova", slice="hair=red", value=6.0, ci=None),
        ),
        cost=(cost("jova"), cost("real", seconds_per_clip=None, real_time_factor=None, function_evals=None)),
    )


MANIFEST = blank_manifest(
    suite_digest="abc",
    seeds=(0, 1),
    provenance=tuple(origin(commit) for commit in ("0123abcd", "4567", "4567")),
    fairness=fairness(devices={"jova": "cpu"}, native_formats={"jova": ("64x64, 73 frames at 25.0 fps",)}),
)


def rows_of(markdown, title):
    """The cells of the table under a title, by the first cell."""
    section = markdown.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {line[0].strip(): [text.strip() for text in line[1:]] for line in lines}


def test_models_as_given_then_controls_in_their_order():
    assert leaderboard(summary(), blank_manifest()).models == ("jova", "real", "still")


def test_a_column_per_identity_with_judge_domain_and_direction():
    found = rows_of(leaderboard(summary(), blank_manifest()).markdown(), "Lip-sync")
    assert found["Model"] == ["LSE-C a (embedded) ↑", "LSE-C b (embedded) ↑"]
    assert found["jova"] == ["6.64 [6.55, 6.73] (100)", "6.10 [6.00, 6.20] (100)"]
    assert found["still"] == ["0.50 [0.40, 0.61] (100)", "not measured"]


def test_counts_and_reasons_stand_where_something_is_missing():
    markdown = leaderboard(summary(), blank_manifest()).markdown()
    found = rows_of(markdown, "Speech and sound")
    assert found["Model"] == ["WER (embedded) ↓", "PESQ ↑", "Loudness (LUFS) → real"]
    assert found["jova"] == ["0.050 [0.031, 0.069] (98/2/0)", "undefined[^1]", "-23.0 [-23.5, -22.5] (100)"]
    assert found["real"][1] == "failed[^2]"
    assert "[^1]: free generation (100 clips)" in markdown
    assert "[^2]: no a\\|b (100 clips)" in markdown


def test_set_distances_show_their_extrapolation_and_size():
    markdown = leaderboard(summary(), blank_manifest()).markdown()
    found = rows_of(markdown, "Distance from real clips")
    assert found["Model"] == ["FVD (embedded) ↓", "FVD (embedded) at n → ∞"]
    assert found["jova"] == ["31 [25, 38] (100)", "12 (R² 0.99)"]
    assert f"- FVD (embedded): `{FVD}`, n = 100, d = 32" in markdown


def test_unknown_metrics_are_not_dropped():
    assert rows_of(leaderboard(summary(), blank_manifest()).markdown(), "Other")["jova"] == ["0.30 [0.20, 0.40] (100)"]


def test_cost_stands_beside_quality():
    found = rows_of(leaderboard(summary(), blank_manifest()).markdown(), "Cost")
    assert found["Model"] == ["Seconds per clip", "RTF", "Peak memory (MB)", "Function evals"]
    assert found["jova"] == ["1.25", "0.43", "512", "40"]
    assert found["real"] == ["", "", "512", ""]
    assert found["still"] == [""] * 4


def test_a_price_stands_beside_costs_only_where_the_user_says_one():
    """And in no slice, as no other cost does: those are of all clips."""
    said = {"price_as_the_user_says": 0.4, "currency": "U.S. $"}
    models = {"jova": model_record(settings=said), "real": model_record(settings={"currency": "EUR"})}
    plain, priced = (leaderboard(summary(), blank_manifest(models=found)) for found in ({}, models))
    found, label = rows_of(priced.markdown(), "Cost"), "Price per clip, as the user says (U.S. $)"
    assert found["Model"][4:] == [label.replace("$", "\\$")]
    assert [found[model][4:] for model in priced.models] == [["0.4"], [""], [""]]
    assert [found[model][:4] for model in found] == [*rows_of(plain.markdown(), "Cost").values()]
    frame = priced.frame()
    assert frame[label].tolist()[:1] == [0.4]
    assert frame[label].isna().tolist() == [False, True, True]
    assert frame.drop(columns=label).equals(plain.frame())
    assert label not in priced.at("hair=red").frame()
    value = json.loads(priced.json())
    assert value.pop("prices") == [{"model": "jova", "price_per_clip": 0.4, "currency": "U.S. $"}]
    assert value == json.loads(plain.json())
    costs = page_data(priced, {}, [])["costs"]
    assert costs[-1] == {"label": label, "values": [0.4, None, None]}
    assert costs[:-1] == page_data(plain, {}, [])["costs"]


@pytest.mark.parametrize(
    ("price", "currency"),
    [
        *((price, "USD") for price in (None, "0.4", -1, float("nan"), 1e300, True)),
        (1, "<a href='http://e'>"),
        (1, None),
    ],
)
def test_what_is_no_price_is_none(price, currency):
    models = {"jova": model_record(settings={"price_as_the_user_says": price, "currency": currency})}
    assert leaderboard(summary(), blank_manifest(models=models)).prices == {}


def test_identities_and_origin_are_shown():
    markdown = leaderboard(summary(), MANIFEST).markdown()
    made = rows_of(markdown, "What each model makes")
    assert made["jova"] == ["64x64, 73 frames at 25.0 fps", "cpu"]
    assert made["real"] == ["", ""]
    for text in (*JUDGES.values(), "prompts 100", "seeds 0 1", "suite_digest abc", "git_commit 0123abcd 4567."):
        assert text in markdown


@pytest.mark.parametrize(
    ("value", "ci", "text"),
    [
        (0.98765, (0.95559, 0.99999), "0.988 [0.956, 1.000]"),  # width 0.044: two digits of it are thousandths
        (1234.5, (1000.2, 1500.7), "1234 [1000, 1501]"),
        (0.12345, None, "0.123"),
        (12.345, None, "12.3"),
        (0.0, None, "0.00"),
        (0.0, (0.0, 0.0), "0.00 [0.00, 0.00]"),
        (-0.0004, (-0.02, 0.02), "0.000 [-0.020, 0.020]"),
        (0.000012, (0.00001, 0.00002), "1.20e-5 [1.00e-5, 2.00e-5]"),
    ],
)
def test_digits_follow_the_interval(value, ci, text):
    assert cell(estimate("m", value=value, ci=ci), Notes()) == f"{text} (100)"


def test_statuses_may_be_mixed_and_reasons_are_shared():
    notes = Notes()
    mixed = estimate("m", value=None, ci=None, n=(0, 1, 7), reasons={"no speech": 1, "no clip": 7})
    assert cell(mixed, notes) == "undefined and failed[^1]"
    assert cell(mixed.model_copy(update={"model": "n"}), notes) == "undefined and failed[^1]"
    assert notes.lines() == ["no clip (7 clips); no speech (1 clip)"]


def test_what_a_bench_computes_never_shares_a_column_with_ours():
    ours = "lse_c@1/standard:syncnet-v2[aa]{edges=masked}"
    theirs = {bench: f"lse_c@1/standard/compat:{bench}:syncnet-v2[aa]" for bench in ("mova@595a976", "latentsync@a2")}
    rows = (
        estimate("m", identity=ours, value=6.5),
        estimate("m", identity=theirs["mova@595a976"], value=5.5, n=(60, 30, 10), reasons={"no face": 30, "oops": 10}),
        estimate("n", identity=theirs["latentsync@a2"], value=4.5),
    )
    board = leaderboard(
        Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=()), blank_manifest()
    )
    markdown = board.markdown()
    found = rows_of(markdown, "Lip-sync")
    assert found["Model"] == ["LSE-C ↑", "LSE-C (compat mova) ↑", "LSE-C (compat latentsync) ↑"]
    assert found["m"] == ["6.50 [6.55, 6.73] (100)", "5.50 [6.55, 6.73] (60/30/10)[^1]", "not measured"]
    assert found["n"] == ["not measured", "not measured", "4.50 [6.55, 6.73] (100)"]
    assert "[^1]: no face (30 clips); oops (10 clips)" in markdown
    assert f"- LSE-C (compat mova): `{theirs['mova@595a976']}`, as mova@595a976 computes it" in markdown
    assert f"- LSE-C: `{ours}`\n" in markdown


def test_two_commits_of_one_bench_are_two_columns():
    rows = tuple(
        estimate("m", identity=f"lse_c@1/standard/compat:mova@{commit}:syncnet-v2[aa]") for commit in ("595a976", "a1")
    )
    board = leaderboard(
        Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=()), blank_manifest()
    )
    assert [column.label for column in board.columns] == ["LSE-C 595a976 (compat mova)", "LSE-C a1 (compat mova)"]


def test_csv_has_one_row_per_model_and_full_precision():
    lines = leaderboard(summary(), blank_manifest()).csv().splitlines()
    header = lines[0].split(",")
    jova = dict(zip(header, lines[1].split(","), strict=True))
    assert [line.split(",")[:2] for line in lines] == [
        ["model", "slice"], ["jova", ""], ["real", ""], ["still", ""],
        ["jova", "hair=red"], ["real", "hair=red"], ["still", "hair=red"],
    ]  # fmt: skip
    red = dict(zip(header, lines[4].split(","), strict=True))
    assert (red["LSE-C a (embedded)"], red["LSE-C b (embedded)"], red["real_time_factor"]) == ("6.0", "", "")
    assert jova["LSE-C a (embedded)"] == "6.6431"
    assert (jova["LSE-C a (embedded) lo"], jova["LSE-C a (embedded) n"]) == ("6.55", "100")
    assert (jova["PESQ"], jova["PESQ n"], jova["real_time_factor"]) == ("", "0", "0.428")
    assert (jova["PESQ undefined"], jova["PESQ failed"], jova["WER (embedded) undefined"]) == ("100", "0", "2")


def test_json_has_every_estimate_slices_included():
    value = json.loads(leaderboard(summary(), MANIFEST).json())
    assert len(value["records"]) == len(summary().estimates)
    assert value["records"][0]["label"] == "LSE-C a (embedded)"
    assert value["records"][0]["control"] is True
    assert value["records"][-1]["slice"] == "hair=red"
    assert value["about"]["git_commit"] == ["0123abcd", "4567"]
    assert value["cost"][0]["function_evals"] == 40


def test_report_is_written_into_the_run(tmp_path):
    with RunStore(tmp_path) as store:
        store.write_manifest(MANIFEST)
        with pytest.raises(BenchError, match="no summary"):
            write_report(tmp_path)
        store.write_summary(summary())
    paths = write_report(tmp_path)
    assert [path.name for path in paths] == [f"leaderboard.{suffix}" for suffix in ("md", "csv", "json", "tex", "bib")]
    assert paths[0].read_text(encoding="utf-8") == leaderboard(summary(), MANIFEST).markdown()
    assert not list(tmp_path.glob("*.part"))
    assert write_report(tmp_path, ["csv"]) == [tmp_path / "leaderboard.csv"]
    with pytest.raises(BenchError, match=r"expected one of the formats md, csv, json, tex, bib, got 'html'"):
        write_report(tmp_path, ["html"])


def test_a_run_without_models_is_an_empty_table():
    board = leaderboard(
        Summary(schema_version=1, suite="s", profile="embedded", estimates=(), cost=()), blank_manifest()
    )
    assert "## Cost" in board.markdown()
    assert board.csv().startswith("model")
