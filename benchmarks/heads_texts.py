"""Writes the texts of drawn heads as `jova-bench data prepare --texts` reads them.

python benchmarks/heads_texts.py work/heads/train > work/train.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from jova.data.folder import read_folder

TEXTS = ("transcript", "video_caption", "audio_caption")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder that `python -m jova.data` wrote")
    table = csv.writer(sys.stdout)
    table.writerow(["source", *TEXTS])
    for item in read_folder(parser.parse_args().folder):
        table.writerow([f"{item.id}.mp4", *(item.prompt[name] for name in TEXTS)])


if __name__ == "__main__":
    main()
