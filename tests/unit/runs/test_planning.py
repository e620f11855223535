"""Where the clips of a model are made."""

from types import SimpleNamespace

import pytest

from jova_bench.models.registry import create_model
from jova_bench.prompts import Prompt
from jova_bench.runs.planning import _executor

PLACES = SimpleNamespace(generation="generation", reading="reading", inspection="inspection")


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({}, "generation"),
        ({"reference": "a.mp4"}, "generation"),  # Of which no model is shown anything.
        ({"image": "a.png"}, "reading"),
        ({"audio": "a.wav"}, "reading"),
        ({"voice": "a.wav"}, "reading"),
        ({"speakers": [{"id": "a", "text": "red", "voice": "a.wav"}, {"id": "b", "text": "now"}]}, "reading"),
    ],
)
def test_files_of_others_are_read_where_they_can_do_no_harm(files, where):
    prompt = Prompt(id="p", video_caption="", audio_caption="", transcript="red now", **files)
    assert _executor("jova", create_model("jova", "cpu"), [prompt], PLACES) == where
