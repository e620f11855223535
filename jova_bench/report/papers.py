"""The papers behind the metrics: which of them a number rests on, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from jova_bench.files.reading import as_record, read_toml
from jova_bench.formatting.text import one_line
from jova_bench.identity import Identity
from jova_bench.records import Record
from jova_bench.report.leaderboard import Leaderboard

TABLE = Path(__file__).parent / "papers.toml"
ABOUT = "Papers behind the columns of a table: what defines a metric, its evaluators, and the bench that it follows."
UNKNOWN = "no paper is stated here; ask for that of its package or rubric"
"""What is said of a metric that is not ours."""
KINDS = {"booktitle": "inproceedings", "journal": "article", "institution": "techreport"}
"""Kinds of entries, by the field that says where something was published; all else is `misc`."""
Keys = tuple[str, ...]


class Paper(Record):
    """Holds what BibTeX says of a paper; its texts are BibTeX's."""

    title: str
    authors: Annotated[Keys, Field(min_length=1)]
    """Names; `others` where there are more."""
    year: Annotated[int, Field(ge=1900, le=2100)]
    booktitle: str | None = None
    journal: str | None = None
    institution: str | None = None
    volume: str | None = None
    number: str | None = None
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None
    url: str | None = None

    def bibtex(self, key: str) -> str:
        """Formats the entry."""
        kind = next((kind for field, kind in KINDS.items() if getattr(self, field)), "misc")
        fields = {"title": f"{{{self.title}}}", "author": " and ".join(self.authors), "year": str(self.year)}
        for name in (*KINDS, "volume", "number"):
            if value := getattr(self, name):
                fields[name] = value
        if kind == "misc":  # The usual styles show no other field of it.
            fields["howpublished"] = f"arXiv:{self.arxiv}" if self.arxiv else str(self.url)
        if self.arxiv:
            fields |= {"eprint": self.arxiv, "archivePrefix": "arXiv"}
        return "\n".join([f"@{kind}{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}"])


class Papers(Record):
    """Holds the papers, and which metric, bench or evaluator rests on which."""

    metrics: Mapping[str, Keys]
    """Papers that define a metric, by its name."""
    own: Mapping[str, str]
    """What a metric is that no paper defines."""
    benches: Mapping[str, Keys]
    """Papers by bench, as it is called after the `@`."""
    evaluators: Mapping[str, Keys]
    """Papers by the beginning of a part of an identity's evaluator or parameters."""
    paper: Mapping[str, Paper]

    @model_validator(mode="after")
    def _known(self) -> Papers:
        for table in (self.metrics, self.benches, self.evaluators):
            for name, keys in table.items():
                if missing := [key for key in keys if key not in self.paper]:
                    raise ValueError(f"expected papers of the table for {name!r}, got {missing[0]!r}")
        return self

    def of(self, identity: Identity) -> Keys:
        """Returns the keys of the papers that a number rests on: metric, evaluators, bench."""
        made = f"{identity.backend},{identity.params}"
        found = [
            *self.metrics.get(identity.name, ()),
            *(k for part, keys in self.evaluators.items() if re.search(rf"(?:^|[+/={{,]){part}", made) for k in keys),
            *self.benches.get(identity.bench or "", ()),
        ]
        return tuple(dict.fromkeys(found))


@cache
def papers() -> Papers:
    """Reads the table."""
    return as_record(Papers, read_toml(TABLE), TABLE.name)


def bibtex(board: Leaderboard) -> str:
    """Formats the papers behind the columns of a table, after a line on each column: its keys, or what it is."""
    known = papers()
    lines = [f"% {ABOUT}"]
    used: dict[str, None] = {}
    for column in board.columns:
        keys = known.of(column.identity)
        name = column.identity.name
        says = [] if name in known.metrics else [known.own.get(name, "" if keys else UNKNOWN)]
        told = "; ".join(text for text in (", ".join(keys), *says) if text)
        lines.append(f"% {_comment(column.label)}: {told}")
        used |= dict.fromkeys(keys)
    return "\n".join(lines) + "\n\n" + "\n\n".join(_entries(used)) + "\n" * bool(used)


def _entries(keys: Iterable[str]) -> list[str]:
    return [papers().paper[key].bibtex(key) for key in keys]


def _comment(text: str) -> str:
    """Returns a text that BibTeX skips: it would read an entry after a `@`."""
    return one_line(text).replace("@", " at ")
