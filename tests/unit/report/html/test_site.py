"""Pages of a report: what is in the folder, what hostile texts become, and what is never touched."""

import json
import re
import sys
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest

from jova_bench import cli
from jova_bench.errors import BenchError
from jova_bench.media import files as media
from jova_bench.records import Outcome
from jova_bench.report.html import pages, site
from jova_bench.report.html.folder import MARK
from jova_bench.report.html.site import write_html
from jova_bench.runs.store import SAMPLES
from support.made_runs import made_run, undefined

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u2028{{ 7777 * 7777 }}"
VALUES = {"good": {"score": [1.0, 2.0, 3.0, 5.0]}, "bad": {"score": [0.5, undefined(HOSTILE), 0.25, 1.0]}}


def clip(path, rate_hz=16_000):
    """Half a second of a tone, and a picture that changes."""
    frames = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.full((1, 32, 32, 3), 20, np.uint8)
    audio = np.sin(np.arange(rate_hz // 2) * 0.2).astype(np.float32)[None] / 2
    media.write(path, frames, Fraction(25), audio, rate_hz)


@pytest.fixture
def run(tmp_path):
    """Two models, four prompts, one clip that all share, and hostile texts wherever a run has texts."""
    folder = made_run(tmp_path / "run", VALUES, failed=[("bad", "p03", 0)])
    clip(folder / "c.mp4")
    manifest = json.loads((folder / "manifest.json").read_text())
    for prompt in manifest["prompts"]:
        prompt |= {"video_caption": HOSTILE, "transcript": HOSTILE, "tags": {HOSTILE: HOSTILE, "hair": "red"}}
    manifest |= {"suite_digest": HOSTILE, "seeds": [0], "device": HOSTILE}
    manifest["fairness"] |= {"native_formats": {"good": [HOSTILE]}, "devices": {"good": HOSTILE}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((folder / "summary.json").read_text())
    summary["estimates"].append(summary["estimates"][0] | {"model": HOSTILE, "reasons": {HOSTILE: 1}})
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def links(self):
        return [value for _, attrs in self.tags for key, value in attrs.items() if key in ("src", "href", "poster")]


def written(folder, target=None, **options):
    return write_html(folder, target, workers=0, **options)


def pages_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}


def data_of(pages):
    """The data that the pages' scripts read."""
    return json.loads((pages / "data.js").read_text(encoding="ascii").removeprefix("const data = ").removesuffix(";\n"))


def test_texts_of_a_run_stay_texts(run):
    found = pages_of(written(run).parent)
    assert len(found) == 5
    for text in found.values():
        page = Page(text)
        assert not [attrs for tag, attrs in page.tags if tag == "img" or any(key.startswith("on") for key in attrs)]
        scripts = [attrs for tag, attrs in page.tags if tag == "script"]
        assert all("src" in attrs for attrs in scripts)
        assert "60481729" not in text
        assert any(HOSTILE.replace("\u2028", " ") in part.replace("\u2028", " ") for part in page.text)
    data = data_of(run / "report")
    assert data["prompts"][0]["text"] == HOSTILE
    assert data["models"][2] == {"name": HOSTILE, "control": False}


def test_every_link_leads_into_the_folder(run):
    folder = written(run, reported="results/as-reported.toml").parent
    for name, text in pages_of(folder).items():
        for link in Page(text).links():
            target, _, mark = link.partition("#")
            if link.startswith("data:"):
                continue
            assert not re.match(r"[a-z]+:|//", link), link
            path = (folder / name).parent / target if target else folder / name
            assert path.resolve().is_relative_to(folder.resolve())
            assert path.is_file(), link
            if mark and path.suffix == ".html":
                assert f'id="{mark}"' in path.read_text(encoding="utf-8")


def test_nothing_of_ours_names_a_network(run):
    folder = written(run, reported="results/as-reported.toml").parent
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".css", ".js") and path.name != "plotly.min.js":
            assert not re.search(r"https?:|//[a-z0-9]+\.", path.read_text(encoding="utf-8")), path


def test_what_is_in_the_folder(run):
    folder = written(run).parent
    assert folder == run / "report"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    takes = [f"{prompt:04d}-m{model}-s0" for prompt in range(1, 5) for model in range(2) if (prompt, model) != (4, 1)]
    static = [path.name for path in site.STATIC.iterdir()]
    expected = [
        *static, "plotly.min.js", "data.js", "index.html", MARK, *(f"leaderboard.{suffix}" for suffix in site.FILES),
        *(f"prompts/{prompt:04d}.html" for prompt in range(1, 5)),
        *(f"clips/{take}.mp4" for take in takes), *(f"thumbs/{take}.jpg" for take in takes),
    ]  # fmt: skip
    assert names == sorted(expected)
    assert (folder / "clips/0001-m0-s0.mp4").read_bytes() == (run / "c.mp4").read_bytes()
    assert (folder / "thumbs/0001-m0-s0.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_the_table_as_files_is_linked_and_is_that_of_the_command(run, capsys):
    first = written(run)
    page = Page(first.read_text(encoding="utf-8"))
    names = [attrs["href"] for tag, attrs in page.tags if tag == "a" and "download" in attrs]
    assert names == [f"leaderboard.{suffix}" for suffix in ("csv", "tex", "json", "bib")]
    for name in names:
        assert cli.main(["report", str(run), "--format", name.rpartition(".")[2]]) == 0
        assert (first.parent / name).read_text(encoding="utf-8") == capsys.readouterr().out


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    folders = [written(run, tmp_path / name).parent for name in ("one", "two")]
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    ]
    assert contents[0] == contents[1]


def test_reasons_and_counts_are_shown(tmp_path):
    values = {"one": {"score": [1.0, undefined("nobody speaks"), 3.0]}, "two": {"score": [2.0, 2.0, 4.0]}}
    folder = made_run(tmp_path, values, failed=[("two", "p02", 0)])
    clip(folder / "c.mp4")
    found = pages_of(written(folder).parent)
    index = " ".join(" ".join(Page(found["index.html"]).text).split())
    assert "nobody speaks (1 clip)" in index
    assert "2 ok, 1 undefined" in index
    assert "nobody speaks" in found["prompts/0002.html"]
    assert '<p class="failed"><b>failed</b> it crashed</p>' in found["prompts/0003.html"]
    assert "no mouth curve: outside the embedded domain" in found["prompts/0001.html"]


@pytest.mark.parametrize(
    ("models", "together"),
    [
        (("one", "still", "real"), [["one", "real", "still"]]),
        (("one", "two", "real", "still"), [["one", "two"], ["real", "still"]]),
        (("one", "still"), [["one", "still"]]),
        (("real", "still"), [["real", "still"]]),
    ],
)
def test_a_lone_model_stands_beside_the_real_clips(tmp_path, models, together):
    folder = made_run(tmp_path, {model: {"score": [1.0]} for model in models})
    clip(folder / "c.mp4")
    found = []
    for tag, attrs in Page((written(folder).parent / "prompts/0001.html").read_text(encoding="utf-8")).tags:
        if tag == "div" and attrs.get("class") == "cards":
            found.append([])
        elif tag == "article":
            found[-1].append(attrs["aria-label"])
    assert found == together


def test_a_clip_outside_of_the_run_is_neither_copied_nor_named(run, tmp_path):
    clip(tmp_path / "secret.mp4")
    (run / "inside.mp4").symlink_to(tmp_path / "secret.mp4")
    lines = [json.loads(line) for line in (run / SAMPLES).read_text().splitlines()]
    lines[0]["clip"], lines[1]["clip"], lines[2]["clip"] = "../secret.mp4", "inside.mp4", "gone.mp4"
    (run / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = written(run).parent
    found = pages_of(folder)
    assert "expected a clip inside the run folder, got ../secret.mp4" in found["prompts/0001.html"]
    assert "expected a clip inside the run folder, got inside.mp4" in found["prompts/0002.html"]
    assert "gone.mp4 is no longer in the run folder" in found["prompts/0003.html"]
    assert [path.name for path in folder.glob("clips/*-m0-*")] == ["0004-m0-s0.mp4"]


def test_a_broken_clip_is_told_by_its_name(run, tmp_path):
    (run / "c.mp4").write_bytes(b"no clip")
    folder = written(run).parent
    page = " ".join(Page((folder / "prompts/0001.html").read_text(encoding="utf-8")).text)
    assert "cannot decode c.mp4" in page
    assert str(tmp_path) not in page
    assert not list((folder / "clips").iterdir())


def test_sound_alone_is_played_and_has_no_picture(tmp_path):
    folder = made_run(tmp_path, {"one": {"score": [1.0, 2.0]}})
    media.write(folder / "c.wav", None, Fraction(0), np.ones((1, 8000), np.float32) / 2, 16_000)
    samples = (folder / SAMPLES).read_text()
    (folder / SAMPLES).write_text(samples.replace("c.mp4", "c.wav"))
    found = written(folder).parent
    page = Page((found / "prompts/0001.html").read_text(encoding="utf-8"))
    assert [attrs["src"] for tag, attrs in page.tags if tag == "audio"] == ["../clips/0001-m0-s0.wav"]
    assert not [tag for tag, _ in page.tags if tag == "video"]
    assert "sound alone" in page.text
    assert not list((found / "thumbs").iterdir())


def test_an_earlier_report_is_replaced_and_nothing_else_is(run, tmp_path, capsys):
    folder = written(run).parent
    (folder / "stale.html").touch()
    assert not (written(run).parent / "stale.html").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    for target in (mine, mine / "thesis.txt", run):
        assert cli.main(["report", str(run), "--html", str(target)]) == 2
        assert "expected a new folder or an earlier report" in capsys.readouterr().err
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert not list(tmp_path.rglob("*.part")) + list(tmp_path.rglob("*.old"))


@pytest.mark.parametrize("flags", [["--html"], ["--html", "pages", "--reported", "none.toml"]])
def test_a_folder_that_is_no_run_is_bad_input(tmp_path, capsys, flags):
    assert cli.main(["report", str(tmp_path), *flags]) == 2
    assert "expected a" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_flags_of_pages_need_pages(run, capsys):
    assert cli.main(["report", str(run), "--sweep", "x.json"]) == 2
    assert "--html" in capsys.readouterr().err


def test_the_command_prints_the_first_page(run, tmp_path, capsys):
    sweeps = [f"--sweep=results/{name}.json" for name in ("mouth-loss", "fusion")]
    assert cli.main(["report", str(run), "--html", str(tmp_path / "pages"), *sweeps]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'pages' / 'index.html'}\n"
    page = Page((tmp_path / "pages" / "index.html").read_text())
    figures = data_of(tmp_path / "pages")["figures"]
    # Each plot of the page has a figure, in its order, and both sweeps have plots.
    plots = [attrs for _, attrs in page.tags if "data-figure" in attrs]
    assert [int(one["data-figure"]) for one in plots] == list(range(len(figures)))
    assert all(
        one["aria-label"].startswith(f"{figure['title']} over ") for one, figure in zip(plots, figures, strict=True)
    )
    assert {figure["x"].split(",")[0] for figure in figures} == {"mouth_weight", "fusion"}


@pytest.mark.parametrize("package", ["jinja2", "plotly"])
def test_a_missing_package_says_what_installs_it(run, monkeypatch, package):
    if package == "jinja2":
        monkeypatch.setitem(sys.modules, "jinja2", None)
        pages.environment.cache_clear()
    else:
        monkeypatch.setattr(site, "package_folder", lambda name: None)
    with pytest.raises(BenchError, match=r"pip install 'jova-bench\[report\]'"):
        written(run)


def test_values_have_the_digits_that_they_deserve():
    assert [pages.outcome_text(Outcome(status="ok", value=value)) for value in (3.0, -8.0, 0.12345, -21.57)] == [
        "3", "−8", "0.123", "−21.6",
    ]  # fmt: skip
    assert pages.outcome_text(Outcome(status="failed", reason="no weights")) == "failed"


def test_what_was_made_is_told_beside_the_scores(tmp_path):
    gone = Outcome(status="failed", reason="no clip: it crashed")
    values = {"one": {"score": [1.0, 2.0, 6.0]}, "two": {"score": [2.0, 4.0, gone]}}
    folder = made_run(tmp_path, values, failed=[("two", "p02", 0)])
    clip(folder / "c.mp4")
    manifest = json.loads((folder / "manifest.json").read_text())
    said = {"audio": "driving", "prompt_renderer": "prose", "options": {"steps": 40}}
    formats = {"native_formats": {"one": ["64x64"]}, "devices": {"one": "cpu"}, "settings": {"one": said}}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"fairness": manifest["fairness"] | formats}))
    lines = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
    lines = [line | {"load_s": 42.0} if line["model"] == "one" else line for line in lines]
    (folder / SAMPLES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = Page((written(folder)).read_text(encoding="utf-8"))
    text = " ".join(" ".join(page.text).split())
    assert "Model Asked Made Failed one 3 3 0 two 3 2 1" in text
    assert "Native format Device Prompt as Sound Settings one 64x64 cpu prose driving steps 40 two" in text
    data = data_of(folder / "report")
    assert data["costs"][-1] == {"label": "Loading (s)", "values": [42.0, None]}
    assert "Loading (s)" in text
    # Means over what both made are a choice beside those over all.
    whole, both = data["slices"][:2]
    assert (whole["name"], whole["prompts"]) == ("all prompts", [0, 1, 2])
    assert (both["name"], both["prompts"]) == ("made by every model", [0, 1])
    assert [cell[0] for cell in whole["cells"][0]] == [3.0, 3.0]
    assert [cell[0] for cell in both["cells"][0]] == [1.5, 3.0]
    assert "made by every model (2)" in text
