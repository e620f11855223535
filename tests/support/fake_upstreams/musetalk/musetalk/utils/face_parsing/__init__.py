"""Where a face is, by a network that lies where upstream stands."""

from pathlib import Path

import acts


class FaceParsing:
    def __init__(self, left_cheek_width=80, right_cheek_width=80):
        assert Path("./models/face-parse-bisent/79999_iter.pth").is_file()
        acts.note("parsing", cheeks=[left_cheek_width, right_cheek_width])
