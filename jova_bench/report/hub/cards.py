"""Writes the cards of the data set and of the page.

The formats are those of `datasetcard.md` and `spaces-config-reference.md` of huggingface/hub-docs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jova_bench.formatting.text import counted, escaped
from jova_bench.report.hub.licences import Terms
from jova_bench.report.hub.published import LeftOut
from jova_bench.report.hub.tables import SPLIT, Table
from jova_bench.report.hub.yaml import front_matter
from jova_bench.report.leaderboard import Leaderboard

TAGS = ("jova-bench", "evaluation", "audio-visual", "talking-head")
TASK = "text-to-video"
"""Task of the Hub that is nearest: it has none for video with sound."""
SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6, "1M<n<10M": 10**7}
"""Size categories of the Hub, each with the number of rows that is too many for it."""
ABOUT = (
    "What models made of the same prompts and seeds, and how jova\\_bench, a benchmark of joint video-audio "
    "generation, scored it. Two numbers compare where their `identity` is the same: metric, version, evaluator, "
    "weights and parameters."
)
A_RUN = (
    "The folder is a run of jova\\_bench, too: `jova-bench report FOLDER`. `manifest.json` says what made it. "
    "It has no features of clips: tests of distances between sets, such as FVD, are in the leaderboard below alone."
)
WHOLE = "- No prompt and no clip: they are here under the suite's licence. Models' own terms may bind what they made."
REPLACED = "- Paths, addresses, names and secrets of the machine and its user: PATH, HOST, USER, SECRET stand for them."


def dataset_card(
    board: Leaderboard, found: Sequence[Table], paths: Mapping[str, str], terms: Terms, left: Sequence[LeftOut]
) -> str:
    """Returns the README of the data set: front matter, what is in it and what is not, and the leaderboard."""
    rows = max(len(one.rows) for one in found)
    configs = [
        {"config_name": one.name, "data_files": [{"split": SPLIT, "path": paths[one.name]}]}
        | ({"default": True} if one is found[0] else {})
        for one in found
    ]
    infos = [
        {"config_name": one.name, "features": [{"name": name, "dtype": kind} for name, kind in one.types.items()]}
        for one in found
    ]
    about = {
        "pretty_name": f"{board.summary.suite}, scored by jova_bench",
        "license": terms.licence,
        "language": languages(board),
        "tags": list(TAGS),
        "task_categories": [TASK],
        "size_categories": [next((name for name, limit in SIZES.items() if rows < limit), "10M<n<100M")],
        "configs": configs,
        "dataset_info": infos,
    }
    parts = [
        f"# {escaped(board.summary.suite)}, scored by jova\\_bench",
        ABOUT,
        "\n".join(f"- `{one.name}`: {one.about} ({counted(len(one.rows), 'row')})" for one in found),
        A_RUN,
        "## What is left out",
        "\n".join([*([f"- {escaped(one.what)}: {escaped(one.why)}." for one in left] or [WHOLE]), REPLACED]),
        board.markdown().replace("# Leaderboard", "## Leaderboard", 1),
    ]
    return f"{front_matter(about)}\n" + "\n\n".join(parts)


def space_card(board: Leaderboard, terms: Terms) -> str:
    """Returns the README of the static page."""
    about = {
        "title": f"{board.summary.suite}, scored by jova_bench",
        "emoji": "\N{BAR CHART}",
        "colorFrom": "indigo",
        "colorTo": "gray",
        "sdk": "static",
        "app_file": "index.html",
        "pinned": False,
        "license": terms.licence,
        "tags": list(TAGS),
    }
    return f"{front_matter(about)}\nPages of `jova-bench report`, with no script of another host.\n"


def languages(board: Leaderboard) -> list[str]:
    """Returns the languages of the prompts, as the Hub takes them: two or three letters, each once."""
    found = dict.fromkeys(one.language.partition("-")[0].lower() for one in board.manifest.prompts)
    return [one for one in found if re.fullmatch("[a-z]{2,3}", one)]
