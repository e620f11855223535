"""The configuration: of the file that the command line names, as there."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace


def parse_config(verbose=False):
    assert sys.argv[1] == "--config-load-path"
    read = json.loads(Path(sys.argv[2]).read_text())
    engine, evaluation = (SimpleNamespace(**read[part]) for part in ("engine_config", "evaluation_config"))
    evaluation.fps = 25
    return SimpleNamespace(arch_config="arch", engine_config=engine, evaluation_config=evaluation)
