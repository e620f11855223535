"""Who stops a command gets a word and the exit code of the signal, never a traceback, however early it is."""

import subprocess
import sys

import pytest

DURING_IMPORTS = """
import sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "jova_bench.cli.runs":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from jova_bench.cli import entry
entry()
"""
BY_SIGNAL = """
import os, signal, sys, time
from jova_bench.cli import entry, program

# Tests may run where a shell has the signal ignored: in the background, or by nohup.
signal.signal(signal.{name}, signal.default_int_handler if {name!r} == "SIGINT" else signal.SIG_DFL)

def run(argv):
    os.kill(os.getpid(), getattr(signal, {name!r}))
    time.sleep(60)

program.run = run
entry()
"""
WORD = "jova-bench: stopped{}; the same command continues where it was\n"


def ended(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_an_interruption_while_modules_are_read():
    assert ended(DURING_IMPORTS) == (130, "", WORD.format(""))


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal(name, code):
    how = "" if name == "SIGINT" else f" by {name}"
    assert ended(BY_SIGNAL.format(name=name)) == (code, "", WORD.format(how))
