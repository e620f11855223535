"""Tests that docstrings read as plain English: none begins with a preposition or uses odd words."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("jova_bench", "jova", "baselines", "evaluators")
PREPOSITION = re.compile(
    r"(Of|By|For|With|Without|In|On|At|From|To|Into|As|Under|After|Before|Beside|Behind|Between)\b"
)
ODD = re.compile(
    r"\b(who|whom|whoever|nobody|somebody|everybody|told|anew|at it|mend(?:s|ed|ing)?|lets? go|hand(?:s|ed)? over)\b",
    re.IGNORECASE,
)
UNFINISHED = ("jova_bench/metrics/torch_",)
"""Folders whose docstrings are not plain yet; none may join them."""


def docstrings(text):
    """Yields (line, docstring) for all docstrings of a module, those of attributes included."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", ())
        for child in body if isinstance(body, list) else ():
            match child:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    yield child.lineno, docstring


def faults(text):
    """Returns the faults of a module's docstrings, each with its line."""
    found = []
    for line, docstring in docstrings(text):
        if match := PREPOSITION.match(docstring):
            found.append(f"{line}: begins with {match[0]!r}")
        found += [f"{line}: says {match[0]!r}" for match in ODD.finditer(docstring)]
    return found


def test_docstrings_neither_begin_with_a_preposition_nor_use_odd_words():
    found = {}
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if lines := faults(path.read_text(encoding="utf-8")):
            found[name] = lines
    assert {name: lines for name, lines in found.items() if not name.startswith(UNFINISHED)} == {}
    for folder in UNFINISHED:
        assert any(name.startswith(folder) for name in found), f"{folder} is plain now: take it off the list"


def test_faults_are_found_in_docstrings_of_every_kind():
    text = '"""By name."""\nclass A:\n    """Asks who is told."""\n    x = 1\n    """Of a clip."""\n    y = "who"\n'
    assert sorted(faults(text)) == ["1: begins with 'By'", "3: says 'told'", "3: says 'who'", "5: begins with 'Of'"]
    assert faults('"""Returns the whole; offers nothing."""') == []
