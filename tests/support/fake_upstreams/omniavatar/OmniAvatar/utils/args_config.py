"""The command line, read once into an object that all modules share; a file beside the checkpoint adds to it."""

import argparse
import json
from pathlib import Path

args = None


def parse_args():
    global args
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=str, required=True)
    parser.add_argument("--exp_path", type=str)
    args = parser.parse_args()
    beside = Path(args.exp_path, "config.json").read_text()
    vars(args).update(json.loads(Path(args.config).read_text()), rank=0)
    vars(args).update({} if beside == "weights" else json.loads(beside))
    return args
