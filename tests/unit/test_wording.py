"""Tests that docstrings and comments read as plain English: a verb first, no preposition first, no odd words."""

import ast
import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("jova_bench", "jova", "baselines", "evaluators")
PREPOSITION = re.compile(
    r"(Of|By|For|With|Without|In|On|At|From|To|Into|As|Under|After|Before|Beside|Behind|Between)\b"
)
ODD = re.compile(
    r"\b(who|whom|whoever|nobody|somebody|everybody|told|anew|at it|for ever|mend(?:s|ed|ing)?|lets? go"
    r"|hand(?:s|ed)? over|can(?:not)? be had)\b",
    re.IGNORECASE,
)
VERB = re.compile(r"[A-Z][a-z]+(?:-[a-z]+)*s\b")
NO_VERB = re.compile(
    r"(Always|Args|Axes|Boxes|Bytes|Classes|Clips|Does|Edits|Errors|Files|Frames|Functions|Has|Identities|Indices|Is|Its"
    r"|Kinds|Languages|Lines|Moments|Names|Neighbours|Numbers|Options|Perhaps|Pixels|Prompts|Rows|Samples|Seconds"
    r"|Segments|Sizes|Terms|Texts|This|Tokens|Vectors|Versions|Was|Weights|Whatever|Whereas|Windows|Words)\b"
)
"""Words that end in s and are no verb, or that a reader may take for a plural."""


def docstrings(text):
    """Yields (line, docstring) for all docstrings of a module, those of attributes included."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", ())
        for child in body if isinstance(body, list) else ():
            match child:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    yield child.lineno, docstring


def comments(text):
    """Yields (line, comment) for all comments of a module."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def faults(text):
    """Returns the faults of a module's docstrings and comments, each with its line."""
    found, said = [], list(docstrings(text))
    for line, docstring in said:
        if match := PREPOSITION.match(docstring):
            found.append(f"{line}: begins with {match[0]!r}")
    # Tokens cost most of the time, and a comment has no word that its module has not.
    for line, words in (*said, *(comments(text) if ODD.search(text) else ())):
        found += [f"{line}: says {match[0]!r}" for match in ODD.finditer(words)]
    return found


def is_property(function):
    """Tells whether a function is a property, whose docstring may be a noun phrase, or the setter of one."""
    names = (ast.unparse(one).partition("(")[0].split(".")[-1] for one in function.decorator_list)
    return any(name in ("property", "cached_property", "setter", "deleter") for name in names)


def without_verb(text):
    """Returns the functions, other than properties, whose docstrings begin with no verb of the third person."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_property(node):
            docstring = ast.get_docstring(node)
            if docstring is not None and (not VERB.match(docstring) or NO_VERB.match(docstring)):
                found.append(f"{node.name}: begins with {docstring.split(maxsplit=1)[0]!r}")
    return found


def found_by(check):
    """Returns what a check of a module's text finds, by file."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix(): check(path.read_text(encoding="utf-8")) for path in paths}
    assert len(found) > 300
    return {name: lines for name, lines in found.items() if lines}


def test_docstrings_neither_begin_with_a_preposition_nor_use_odd_words():
    assert found_by(faults) == {}


def test_faults_are_found_in_docstrings_of_every_kind():
    text = '"""By name."""\nclass A:\n    """Asks who is told."""\n    x = 1\n    """Of a clip."""\n    y = "who"\n'
    assert sorted(faults(text)) == ["1: begins with 'By'", "3: says 'told'", "3: says 'who'", "5: begins with 'Of'"]
    assert faults('"""Returns the whole; offers nothing."""  # Whole.') == []
    assert faults("x = 1  # Nobody knows.") == ["1: says 'Nobody'"]


def test_docstrings_of_functions_begin_with_a_verb():
    assert found_by(without_verb) == {}


def test_functions_without_a_verb_are_found():
    text = (
        'class A:\n    """A class."""\n'
        '    @property\n    def length(self):\n        """Length in seconds."""\n'
        '    @length.setter\n    def length(self, value):\n        """The new length."""\n'
        '    async def read(self):\n        """Samples of the clip."""\n'
        'def f():\n    """(T,) frames."""\n    def g():\n        """Return it."""\n'
        'def h():\n    """Re-reads a clip."""\ndef i():\n    pass\n'
    )
    assert sorted(without_verb(text)) == [
        "f: begins with '(T,)'",
        "g: begins with 'Return'",
        "read: begins with 'Samples'",
    ]
