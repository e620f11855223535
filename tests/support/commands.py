"""The command line, run in this process."""

import traceback
from typing import NamedTuple

from jova_bench import cli


class Answer(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


def call(capsys, *words):
    """Runs `jova-bench` with these words; paths and numbers may stand among them."""
    try:
        code = cli.main([str(word) for word in words])
    except SystemExit as leaving:
        code = leaving.code
    return Answer(code, *capsys.readouterr())


def unbroken(capsys, about, words):
    """Runs a command that may refuse but not break; else says what it was about."""
    try:
        return call(capsys, *words)
    except BaseException as error:
        raise AssertionError(f"{about}, {words}: {''.join(traceback.format_exception(error))[-3000:]}") from error
