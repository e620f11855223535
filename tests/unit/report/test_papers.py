"""Papers behind the metrics: every metric has some or says what it is, and what is printed is BibTeX."""

import re
import shutil
import subprocess

import pytest

from jova_bench import cli
from jova_bench.assets.table import AssetTable, published
from jova_bench.cache import NoCache
from jova_bench.identity import Identity
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import BUILT_IN, build_all
from jova_bench.metrics.catalogue import CATALOGUE
from jova_bench.report.leaderboard import leaderboard
from jova_bench.report.papers import UNKNOWN, Papers, bibtex, papers
from jova_bench.summary import Summary
from support.estimates import JUDGES, estimate
from support.made_runs import blank_manifest, made_run


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Every identity of the catalogue, by what a user types, as without any weights."""
    context = MetricContext(NoCache(), assets=AssetTable(published(), tmp_path_factory.mktemp("none")))
    return [(select, metric.spec) for select, metric in build_all(context) if metric.spec.name in BUILT_IN]


def entries(text):
    """Strictly read BibTeX: kind, key and fields of each entry; fails on anything that BibTeX would complain of."""
    found, place = {}, 0
    while (start := text.find("@", place)) >= 0:
        assert all(line.startswith("%") or not line for line in text[place:start].splitlines())
        head = re.compile(r"@(\w+)\{([a-z0-9]+),\n").match(text, start)
        assert head, text[start : start + 40]
        fields, place = {}, head.end()
        while not text.startswith("}", place):
            name = re.compile(r"  (\w+) = \{").match(text, place)
            assert name, text[place : place + 40]
            depth, end = 1, name.end()
            while depth:
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            assert text.startswith(",\n", end)
            assert name[1] not in fields
            fields[name[1]], place = text[name.end() : end - 1], end + 2
        assert head[2] not in found
        found[head[2]] = (head[1], fields)
        place += 1
    assert all(line.startswith("%") or not line for line in text[place:].splitlines())
    return found


def board(*identities):
    rows = tuple(estimate("m", identity.partition("@")[0], identity) for identity in identities)
    summary = Summary(schema_version=1, suite="s", profile="standard", estimates=rows, cost=())
    return leaderboard(summary, blank_manifest())


def test_every_metric_of_the_catalogue_has_papers_or_says_what_it_is(built):
    known = papers()
    assert len(built) > 200
    for select, spec in built:
        assert known.of(spec.identity) or known.own.get(spec.name), select
        assert (spec.name in known.metrics) + (spec.name in known.own) <= 1, select
    names = {entry.name for entry in CATALOGUE}
    assert known.metrics.keys() | known.own.keys() <= names


def test_every_paper_bench_and_evaluator_of_the_table_is_used(built):
    known = papers()
    identities = [spec.identity for _, spec in built]
    assert {key for one in identities for key in known.of(one)} == known.paper.keys()
    assert known.benches.keys() <= {one.bench for one in identities}
    for part in known.evaluators:
        assert any(re.search(rf"(?:^|[+/={{,]){part}", f"{one.backend},{one.params}") for one in identities), part


def test_ids_of_arxiv_that_a_metric_names_as_its_source_are_those_that_it_cites(built):
    known = papers()
    for select, spec in built:
        named = set(re.findall(r"arXiv (\d{4}\.\d{4,5})", spec.source))
        assert named <= {known.paper[key].arxiv for key in known.of(spec.identity)}, select


@pytest.mark.parametrize(
    ("identity", "keys"),
    [
        (JUDGES["a"], ["chung2016out", "prajwal2020lip"]),
        (
            "lse_c@2/standard/compat:mova@595a976:syncnet-v2[aa]{crop=0.4,detector=s3fd[bb]{1,scale=0.25},edges=padded}",
            ["chung2016out", "prajwal2020lip", "zhang2017s3fd", "openmoss2026mova"],
        ),
        ("fvd@2/standard:i3d-kinetics400[aa]{reference=suite:x}", ["unterthiner2018towards", "carreira2017quo"]),
        ("fad@1/embedded:audio-embedder[aa]", ["kilgour2019frechet"]),
        ("wer@2/standard:whisper-base/transformers[aa]{decoding=transcribe}", ["radford2023robust"]),
        (
            "wer@1/embedded:pocketsphinx{normaliser=whisper-english}",
            ["hugginsdaines2006pocketsphinx", "radford2023robust"],
        ),
        ("dnsmos@1/standard:p835-ovrl[aa]", ["reddy2022dnsmos"]),
        ("identity_score@2/standard:arcface-r50+scrfd[aa]", ["wang2025universe", "deng2019arcface", "guo2022sample"]),
        ("loudness@1/standard:bs1770-4", ["itu2015bs1770"]),
        ("prompt_hair@1/embedded:look-classifier[aa]", []),
    ],
)  # fmt: skip
def test_a_column_rests_on_its_definition_its_evaluators_and_its_bench(identity, keys):
    assert list(papers().of(Identity.parse(identity))) == keys
    assert list(entries(bibtex(board(identity)))) == keys


def test_columns_name_their_keys_or_what_they_are():
    text = bibtex(
        board("prompt_hair@1/embedded:look-classifier[aa]", "lse_d_at_0@1/standard:syncnet-v2[a]", "own@1/standard:x")
    )
    assert "% Prompt hair (embedded): a classifier of this benchmark's own suite\n" in text
    assert "% LSE-D at 0: chung2016out\n" in text  # BibTeX would read an entry after a `@`.
    assert f"% own: {UNKNOWN}\n" in text
    assert list(entries(text)) == ["chung2016out"]


def test_every_entry_says_who_what_when_and_where():
    text = "\n".join(one.bibtex(key) for key, one in papers().paper.items())
    found = entries(text)
    assert found.keys() == papers().paper.keys()
    for key, (kind, fields) in found.items():
        assert fields["title"].startswith("{"), key
        assert fields["author"], key
        assert str(fields["year"]) in key, key
        where = {
            "inproceedings": "booktitle",
            "article": "journal",
            "techreport": "institution",
            "misc": "howpublished",
        }
        assert fields[where[kind]], key
        assert text.isascii()
    ids = [fields["eprint"] for _, fields in found.values() if "eprint" in fields]
    assert len(set(ids)) == len(ids)
    assert entries(text)["li2024latentsync"][1]["eprint"] == "2412.09262"


def test_the_strict_reader_sees_what_bibtex_would_complain_of():
    for broken in ("@misc{a,\n  title = {x}\n}", "@misc{a,\n  title = {x,\n}", "% a@b\n", "@misc{a,\n}@misc{a,\n}"):
        with pytest.raises((AssertionError, IndexError)):
            entries(broken)


def test_a_key_that_no_paper_has_is_told():
    table = papers().model_dump(exclude_none=True)
    with pytest.raises(ValueError, match=r"expected papers of the table for 'fvd', got 'nobody'"):
        Papers.model_validate(table | {"metrics": {"fvd": ("nobody",)}})


@pytest.mark.skipif(shutil.which("bibtex") is None, reason="no bibtex: apt-get install texlive-binaries")
def test_bibtex_takes_all_of_it_without_a_warning(tmp_path):
    text = "\n\n".join(one.bibtex(key) for key, one in papers().paper.items())
    (tmp_path / "m.bib").write_text(text, encoding="utf-8")
    (tmp_path / "t.aux").write_text("\\citation{*}\n\\bibstyle{plain}\n\\bibdata{m}\n")
    done = subprocess.run(["bibtex", "t"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout
    assert (tmp_path / "t.bbl").read_text().count(r"\bibitem") == len(papers().paper)


def test_the_command_prints_the_papers_of_the_chosen_columns(tmp_path, capsys):
    folder = made_run(tmp_path / "run", {"m": {"lse_c": [1.0, 2.0], "wer": [0.5, 0.1], "stoi": [0.9, 0.8]}})
    assert cli.main(["report", str(folder), "--format", "bib", "--metrics", "stoi,wer"]) == 0
    out = capsys.readouterr().out
    assert list(entries(out)) == ["taal2011algorithm"]
    assert out.index("% STOI: taal2011algorithm") < out.index("% WER: word edits over words")
