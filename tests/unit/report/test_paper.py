"""One table for a paper: its numbers, its marks, its words, and its width where there is a TeX."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from jova_bench.formatting.text import decimals, number
from jova_bench.report.choice import choose
from jova_bench.report.files import VIEWS, read_leaderboard
from jova_bench.report.hub.models import model_card
from jova_bench.report.latex import escaped
from jova_bench.report.leaderboard import leaderboard
from jova_bench.report.paper import TEXT_WIDTH, paper
from jova_bench.report.papers import papers
from jova_bench.report.tex_text import breakable, width
from jova_bench.summary import Summary
from support.estimates import estimate
from support.made_runs import Clips, Spread, blank_manifest, made_run, undefined
from support.specs import clip_spec

LONG = f"a_model.with-a_long_name_and_then_{'x' * 60}"
FIVE = ["lse_c", "wer", "loudness", "mouth_audio_offset", "fvd"]


def draws(seed, mean, spread=1.0):
    return np.random.default_rng(seed).normal(mean, spread, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """jova is first in LSE-C and WER; of ovi no clip has a WER, of the long one two have no LSE-C."""
    gone = [undefined("no face: 50% hidden_by $hair \\input{x}"), undefined("no face: 50% hidden_by $hair \\input{x}")]
    means = {"jova": (7.6, 0.1, -23), "ovi": (5.1, 0, -18), LONG: (5.0, 0.5, -123), "real": (8.3, 0.02, -23.1)}
    values = {
        model: {
            "lse_c": [*draws(place, lse)],
            "wer": [*np.clip(draws(place + 9, wer, 0.03), 0, None)],
            "loudness": [*draws(place + 20, level, 3)],
            "mouth_audio_offset": [*draws(place + 40, 1234.5, 600)],
            "fvd": [*np.random.default_rng(place).normal(size=(20, 3))],
        }
        for place, (model, (lse, wer, level)) in enumerate(means.items())
    }
    values["ovi"]["wer"] = [undefined("no speech")] * 20
    values[LONG]["lse_c"][:2] = gone
    del values["real"]["mouth_audio_offset"]
    directions = {"lse_c": "up", "wer": "down", "loudness": "target", "mouth_audio_offset": "down"}
    metrics = [*(Clips(name, direction=way) for name, way in directions.items()), Spread("fvd")]
    failed = [("ovi", "p03", 0)]
    return made_run(tmp_path_factory.mktemp("paper") / "run", values, metrics, failed=failed)


@pytest.fixture(scope="module")
def board(folder):
    return read_leaderboard(folder, metrics=FIVE)


def tabulars(text):
    """Of each table of numbers its columns, and rows of cells; stacked heads are one cell."""
    text = re.sub(r"\\begin\{tabular\}\[b\].*?\\end\{tabular\}", lambda one: one[0].replace(r" \\ ", " / "), text)
    for spec, body in re.findall(r"\\begin\{tabular\}\{(@.*?@\{\})\}\n(.*?)\\end\{tabular\}\n", text, re.DOTALL):
        lines = [line for line in body.splitlines() if not re.match(r"\\(top|mid|bottom)rule", line)]
        assert all(re.search(r" \\\\(\[2pt\])?$", line) for line in lines)
        yield spec, [re.split(r"(?<!\\) & ", re.sub(r" \\\\(\[2pt\])?$", "", line)) for line in lines]


def plain(text):
    """Text without what lets it break, and without escapes."""
    for sign, meant in ((r"\allowbreak{}", ""), ("{[}", "["), ("{]}", "]"), (r"\_", "_"), (r"\%", "%"), (r"\&", "&")):
        text = text.replace(sign, meant)
    text = text.replace(r"\textbackslash{}", "\\")
    return text.replace(r"\$", "$").replace(r"\{", "{").replace(r"\}", "}")


def test_chosen_metrics_are_one_table_and_all_are_one_each_family(folder, board):
    text = VIEWS["tex"](board)
    assert text == paper(board)
    assert text.count(r"\begin{table}") == 2  # The second has the identities.
    # Four families, of all clips and of those that all models made.
    assert VIEWS["tex"](read_leaderboard(folder)).count(r"\begin{table}") == 2 * 4
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:made", "tab:made-identities"]
    assert set(re.findall(r"\\ref\{(.*?)\}", text)) == {"tab:made", "tab:made-identities"}


def test_every_row_has_every_column_and_every_number_fits_its_column(board):
    (table,) = tabulars(paper(board))
    spec, rows = table
    formats = re.findall(r"S\[table-format=(-?)(\d+)\.(\d+)\]", spec)
    assert len(formats) == 5
    assert {len(row) for row in rows} == {6}
    seen = 0
    for cells in (row[1:] for row in rows):
        for cell, (sign, before, after) in zip(cells, formats, strict=True):
            bare = re.sub(r"^\\bfseries |\{\\rlap\{.*$", "", cell)
            if not bare or bare.startswith("{"):
                assert bare.count("{") == bare.count("}")
                continue
            found = re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?", bare)
            assert found, cell
            assert len(found[2]) <= int(before)
            assert len(found[3] or "") <= int(after)
            assert not found[1] or sign
            seen += 1
    assert seen == 4 * 5 - 2
    assert plain(rows[5][0]) == LONG


def test_numbers_are_those_of_the_run_with_intervals_beneath(board):
    (table,) = tabulars(paper(board))
    rows = {plain(row[0]): (row[1:], under[1:]) for row, under in zip(table[1][1::2], table[1][2::2], strict=True)}
    for place, column in enumerate(board.columns):
        for model, found in column.cells.items():
            if found.value is None:
                continue
            places = decimals(found.value, found.ci)
            value, interval = rows[model][0][place], rows[model][1][place]
            assert re.search(r"-?\d+(\.\d+)?", value)[0] == number(found.value, places)
            ends = ", ".join(number(end, places).replace("-", "$-$") for end in found.ci)
            assert interval == rf"{{\scriptsize [{ends}]}}"


def test_bold_is_what_the_tests_put_before_every_other_row(folder, board):
    def bold(shown):
        (table,) = tabulars(paper(shown))
        return {(plain(row[0]), k) for row in table[1] for k, cell in enumerate(row[1:]) if r"\bfseries" in cell}

    best = {
        (model, place)
        for place, column in enumerate(board.columns)
        for model, rank in board.ranks.get(column.identity, {}).items()
        if rank.best
    }
    assert bold(board) == best >= {("jova", 0), ("jova", 1)}
    assert bold(read_leaderboard(folder, metrics=["lse_c"], models=["ovi", LONG, "real"])) == set()
    # Nobody is left to be better than.
    assert bold(read_leaderboard(folder, metrics=["lse_c"], models=["jova", "real"])) == set()


def test_what_is_missing_has_a_letter_and_a_reason(board):
    text = paper(board)
    (table,) = tabulars(text)
    rows = {plain(row[0]): row[1:] for row in table[1][1::2]}
    letters = {
        "lse_c": re.search(r"^\d\.\d+\{\\rlap\{\\normalfont\\textsuperscript\{(\w)\}\}\}$", rows[LONG][0])[1],
        "wer": re.search(r"^\{\\scriptsize undefined\\rlap\{.*\{(\w)\}\}\}$", rows["ovi"][1])[1],
        "offset": re.search(r"^\{\\scriptsize not measured\\rlap\{.*\{(\w)\}\}\}$", rows["real"][3])[1],
    }
    notes = {one[0]: plain(one[1]) for one in re.findall(r"^\\textsuperscript\{(\w)\}~(.*)$", text, re.MULTILINE)}
    assert notes[letters["lse_c"]] == (
        "18 of 20 clips have a value; undefined: no face: 50% hidden_by $hair \\input{x} (2 clips)."
    )
    assert notes[letters["wer"]] == "undefined: no speech (20 clips)."
    assert notes[letters["offset"]] == "not measured: this run did not ask it of real."
    assert not any(cell in ("", "0", "0.0") for row in table[1][1::2] for cell in row)


def test_the_caption_says_n_tests_controls_targets_and_identities(folder, board):
    def caption(shown):
        return plain(re.search(r"\\caption\{(.*)\}", paper(shown))[1])

    found = caption(board)
    assert found.startswith(
        "Suite made, standard profile: means over prompts (FVD: one value of all clips), with 95\\,%"
    )
    assert "n = 18 to 20 prompts, 18 to 20 clips, 1 seed." in found
    assert "not of other trainings" in found
    assert "an error of 5\\,% a column (Holm over all pairs of the models)." in found
    assert "real: control, not ranked." in found
    assert r"$\to$ real: should match the real clips." in found
    assert "Measured by: LSE-C: lse_c@1 made; " in found
    some = caption(read_leaderboard(folder, metrics=["lse_c"], models=["jova", "ovi"]))
    assert "n = 20 prompts, 20 clips, 1 seed." in some
    assert "(Holm over all pairs of the 3 models of the run)." in some
    assert "not ranked" not in some
    assert "real clips" not in some
    untested = caption(choose(leaderboard(board.summary, board.manifest), ["lse_c"]))
    assert "Nothing is bold, for no test was made." in untested


def test_identities_stand_whole_in_the_appendix(board):
    appendix = plain(paper(board).split("% For the appendix")[1])
    for column in board.columns:
        keys = papers().of(column.identity)
        cite = rf"~\cite{{{','.join(keys)}}}" if keys else ""
        assert rf"{column.label}{cite}: \texttt{{{column.identity}}}\par" in appendix
    assert "git commit 0123abcd" in appendix


def test_the_caption_says_what_a_metric_declares_of_its_mean():
    """By the specification, whatever the name: errors of all clips over words of all."""
    words, letters = (clip_spec(name, micro=unit) for name, unit in (("x", "spoken_words"), ("y", "new_words")))
    rows = tuple(estimate("m", spec.name, spec.identity) for spec in (words, letters, clip_spec("wer")))
    summary = Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=())
    board = leaderboard(summary, blank_manifest(specs=(words, letters, clip_spec("wer"))))
    said = "eans over prompts (x: weighted by the words of each transcript; y: weighted by the new words of each"
    views = (choose(board, ["x", "y", "wer"]), board)
    assert all(said in VIEWS["tex"](view) for view in views)
    assert all(said in view.markdown() for view in views)
    assert said in model_card(board, "m")


@pytest.mark.parametrize(
    ("values", "alike"),
    [(("a b", "a-b", "a_b"), "tab:s-lang-a-b"), (("模", "型"), "tab:s-lang"), (("identities",), None)],
)
def test_every_table_has_a_label_of_its_own(values, alike):
    rows = tuple(estimate("m", slice=part) for part in (None, *(f"lang={value}" for value in values)))
    board = leaderboard(
        Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=()), blank_manifest()
    )
    labels = re.findall(r"\\label\{(.*?)\}", paper(choose(board, ["lse_c"])))
    assert len(labels) == len(set(labels)) == 2 + len(values)
    if alike:
        assert sum(re.fullmatch(rf"{alike}-[0-9a-f]{{8}}", one) is not None for one in labels) == len(values)


def wide(count):
    """So many columns that each take about a fifth of the width."""
    rows = tuple(
        estimate(model, f"metric_{k:02d}", f"metric_{k:02d}@1/standard:x", 1234.5, (1000.1, 1500.9), slice=part)
        for k in range(count)
        for model in ("one", "two")
        for part in (None, "kind=a & b")
    )
    summary = Summary(schema_version=1, suite="S_1", profile="standard", estimates=rows, cost=())
    return choose(leaderboard(summary, blank_manifest()), [f"metric_{k:02d}" for k in range(count)])


def test_metrics_without_room_stand_below_in_order_and_slices_in_tables_of_their_own():
    text = paper(wide(13))
    tables = list(tabulars(text))
    heads = [[plain(re.sub(r"[{}]| \$.*", "", cell)) for cell in rows[0][1:]] for _, rows in tables]
    half = len(tables) // 2
    assert half > 1
    for part in (heads[:half], heads[half:]):
        assert [name for head in part for name in head] == [f"metric_{k:02d}" for k in range(13)]
        assert min(map(len, part[:-1])) >= 5
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:s-1", "tab:s-1-kind-a-b", "tab:s-1-identities"]
    assert r"Suite S\_1, standard profile, kind=a \& b: means" in text


def test_long_words_may_break_and_short_ones_stay():
    assert breakable("a short_one: 5%") == r"a short\_one: 5\%"
    long = "fvd@1/standard:i3d[0123456789ab]{clips=10}"
    assert plain(breakable(long)) == long
    assert max(map(len, map(plain, breakable(long).split(r"\allowbreak{}")))) <= 14
    assert max(map(len, breakable("x" * 100).split(r"\allowbreak{}"))) == 12


@pytest.mark.parametrize("columns", [5, 13])
def test_what_stands_side_by_side_fits_by_estimate(board, columns):
    """The widths of what is printed, as the cells themselves have it; what may break takes what is stated."""
    for spec, rows in tabulars(paper(board if columns == 5 else wide(columns))):
        broken = re.search(r"p\{(\d+)pt\}", spec)
        names = float(broken[1]) if broken else max(width(plain(row[0]), 9) for row in rows)
        total = names + 4
        for column in zip(*(row[1:] for row in rows), strict=True):
            texts = []
            for cell in column:
                lines = re.sub(r"\\(begin|end)\{tabular\}(\[b\]\{@\{\}c@\{\}\})?|\\rlap\{.*\}", "", cell)
                for line in lines.split(" / "):
                    small = 7 if r"\scriptsize" in line else 9
                    printed = re.sub(r"\\\w+arrow", "↑", re.sub(r"\\(scriptsize|bfseries) ", "", line))
                    printed = printed.replace(r"\to", "→")
                    texts.append(width(re.sub(r"[{}$]", "", plain(printed)), small))
            total += max(texts) + 8
        assert total <= TEXT_WIDTH


def test_no_caption_promises_intervals_that_are_not_there():
    (one, other) = (
        Summary(schema_version=1, suite="s", profile="standard", estimates=(estimate("m", ci=ci),), cost=())
        for ci in (None, (6.5, 6.8))
    )
    told = ["intervals" in paper(choose(leaderboard(a, blank_manifest()), ["lse_c"])) for a in (one, other)]
    assert told == [False, True]


@pytest.mark.parametrize(
    ("label", "cell"),
    [
        ("SNR(dB)", r"{SNR(dB) $\uparrow$}"),
        ("LSE-C a (embedded)", r"{\scriptsize (embedded)}"),
    ],
)
def test_a_head_keeps_parentheses_that_belong_to_its_name(label, cell):
    made = leaderboard(
        Summary(schema_version=1, suite="s", profile="standard", estimates=(estimate("m"),), cost=()), blank_manifest()
    )
    board = choose(made, ["lse_c"])
    (column,) = board.columns
    assert cell in paper(replace(board, columns=[replace(column, label=label)]))


def test_the_head_says_what_compiles_letters_of_other_scripts():
    def head(model):
        board = choose(
            leaderboard(
                Summary(schema_version=1, suite="s", profile="standard", estimates=(estimate(model),), cost=()),
                blank_manifest(),
            ),
            ["lse_c"],
        )
        return [VIEWS["tex"](one).split(r"\begin")[0] for one in (board, replace(board, in_order=False))]

    assert all(
        "% Has letters that pdflatex may lack (模型): compile with lualatex or xelatex" in one for one in head("模型")
    )
    assert not any("pdflatex" in one for one in head("jova"))
    assert escaped("5 ≥ 3 − 1 × 2") == r"5 $\geq$ 3 $-$ 1 $\times$ 2"


# --- compiled ---


def tex():
    """Path of a pdflatex that has the packages, or the reason why there is none."""
    found = shutil.which("pdflatex")
    if found is None:
        return None, "no pdflatex: apt-get install texlive-latex-recommended texlive-science"
    asked = ["kpsewhich", "booktabs.sty", "siunitx.sty"]
    if len(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()) < 2:
        return None, "no siunitx for pdflatex: apt-get install texlive-science"
    return found, None


def compiled(folder, text, inches, extra=""):
    """The log of a document of that text width."""
    folder.mkdir()
    head = rf"\documentclass{{article}}\usepackage[textwidth={inches}in,textheight=9in]{{geometry}}"
    head += r"\usepackage{booktabs,siunitx}"
    document = f"{head}\n\\begin{{document}}\n{extra}\n{text}\n\\end{{document}}\n"
    (folder / "t.tex").write_text(document, encoding="utf-8")
    command = [tex()[0], "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    for _ in range(2):  # The second knows the labels.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    return (folder / "t.log").read_text(encoding="utf-8", errors="replace")


def tiny():
    """Two values that four decimals cannot tell from zero, and one that they can."""
    numbers = {"one": (1e-7, (5e-8, 2e-7)), "two": (-3e-12, (-4e-12, -1e-12)), "three": (12.345, (11.0, 13.0))}
    rows = tuple(estimate(model, "kad", "kad@1/standard:x", *one) for model, one in numbers.items())
    return choose(
        leaderboard(
            Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=()), blank_manifest()
        ),
        ["kad"],
    )


def test_values_too_small_for_decimals_have_an_exponent():
    (table,) = tabulars(paper(tiny()))
    assert "S[table-format=-2.2e-2]" in table[0]
    assert [row[1] for row in table[1][1::2]] == ["1.00e-7", "-3.00e-12", "12.3"]
    assert table[1][2][1] == r"{\scriptsize [5.00$\cdot10^{-8}$, 2.00$\cdot10^{-7}$]}"


@pytest.mark.skipif(tex()[0] is None, reason=str(tex()[1]))
def test_it_compiles_and_fits_five_and_a_half_inches(tmp_path, board):
    measure = "\n".join(
        rf"\setbox0\hbox{{{size} {text}}}\typeout{{WIDTH {points} \the\wd0 {width(text, points):.2f}}}"
        for text in ("Mouth-audio", "[-0.0123, 1234.5678]", "undefined", "MMMWWW", "(embedded)", "not measured", "ifs")
        for size, points in ((r"\small", 9), (r"\scriptsize", 7))
    )
    log = compiled(tmp_path / "five", paper(board), 5.5, measure)
    assert "Overfull" not in log
    assert "LaTeX Warning: Reference" not in log
    for _, there, estimated in re.findall(r"^WIDTH (\d) ([\d.]+)pt ([\d.]+)$", log, re.MULTILINE):
        assert float(there) <= float(estimated) <= 1.45 * float(there)
    assert len(re.findall("^WIDTH", log, re.MULTILINE)) == 14
    assert "Overfull" not in compiled(tmp_path / "wide", paper(wide(13)), 5.5)
    assert "Overfull" not in compiled(
        tmp_path / "tiny", paper(tiny()) + VIEWS["tex"](replace(tiny(), in_order=False)), 5.5
    )
    assert "Overfull" in compiled(tmp_path / "narrow", paper(wide(13)), 4)
