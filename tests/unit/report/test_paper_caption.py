"""What a paper's caption says of columns that differ in their identity alone."""

import re

from jova_bench.report.choice import choose
from jova_bench.report.leaderboard import leaderboard
from jova_bench.report.paper import paper
from jova_bench.summary import Summary
from support.estimates import JUDGES, estimate
from support.made_runs import blank_manifest

FAD = "fad@1/standard:vggish[0123456789]{{reference={}:7d2c8d9d68ca}}"


def told(*rows):
    """Text of the table for a paper, without what lets words break."""
    summary = Summary(schema_version=1, suite="s", profile="embedded", estimates=rows, cost=())
    board = choose(leaderboard(summary, blank_manifest()), list(dict.fromkeys(one.metric for one in rows)))
    return paper(board).replace(r"\allowbreak{}", "").replace(r"\_", "_").replace(r"\#", "#")


def test_each_of_several_judges_has_a_column_and_its_own_identity():
    text = told(*(estimate("m", identity=one, value=value) for one, value in zip(JUDGES.values(), (6, 7), strict=True)))
    heads = re.findall(r"\{\\begin\{tabular\}\[b\]\{@\{\}c@\{\}\}(.*?)\\end\{tabular\}\}", text)
    assert heads == [rf"LSE-C {judge} $\uparrow$ \\ {{\scriptsize (embedded)}}" for judge in "ab"]
    assert "LSE-C a: lse_c@1 syncnet-a aaaaaaaa; LSE-C b: lse_c@1 syncnet-b bbbbbbbb; in full" in text


def test_what_is_the_same_in_short_is_told_apart_whole():
    sets = ("mine-of-the-spring", "theirs")
    text = told(*(estimate("m", "fad", FAD.format(one)) for one in sets))
    short = "fad@1 vggish 01234567 reference"
    assert f"FAD #1: {short}={sets[0]}:7d2c8d9d68ca; FAD #2: {short}={sets[1]}:7d2c8d9d68ca; in full" in text


def test_a_name_with_parentheses_keeps_them():
    offset = estimate("m", "av_offset_frames", "av_offset_frames@1/embedded:syncnet-a[ab]", direction="target")
    (head,) = re.findall(r"\{\\begin\{tabular\}\[b\]\{@\{\}c@\{\}\}(.*?)\\end\{tabular\}\}", told(offset))
    assert head == r"AV offset \\ (frames) $\to$ real \\ {\scriptsize (embedded)}"
