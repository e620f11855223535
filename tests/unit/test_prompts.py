"""Prompts and edits: what a record must have, the files that it names, and what is written."""

from __future__ import annotations

import json
import re

import pytest
from pydantic import ValidationError

from jova_bench.formatting.messages import faults_of
from jova_bench.prompts import Edit, Prompt

WHOLE = {"id": "a", "video_caption": "v", "audio_caption": "s", "transcript": "place blue now"}
SPEECH = {"kind": "speech", "clip": "clips/a.mp4", "span_s": [0.5, 1.0], "words": [1, 1]}
MOUTH = {"kind": "mouth", "clip": "clips/a.mp4", "box": [16, 32, 48, 56]}


def test_a_prompt_without_an_edit_is_written_as_before_there_were_edits():
    written = json.loads(Prompt(**WHOLE).model_dump_json())
    assert list(written) == [*WHOLE, "language", "image", "audio", "reference", "tags"]


@pytest.mark.parametrize(
    ("edit", "more"),
    [(SPEECH, {}), (MOUTH, {"audio": "b.wav"}), ({"kind": "picture"}, {"audio": "b.wav"})],
)
def test_a_prompt_with_an_edit_comes_back_from_its_text(edit, more):
    prompt = Prompt(**WHOLE, **more, edit=edit)
    assert Prompt.model_validate_json(prompt.model_dump_json()) == prompt
    assert prompt.edit == Edit(**edit)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"kind": "speech"}, "expected of an edit of kind 'speech': clip, span_s, words; got no other field"),
        ({**SPEECH, "box": [0, 0, 1, 1]}, "clip, span_s, words; got clip, span_s, words, box"),
        ({**SPEECH, "span_s": [1.0, 1.0]}, "a span whose end is after its start"),
        ({**SPEECH, "span_s": [-0.1, 1.0]}, "greater than or equal to 0"),
        ({**SPEECH, "span_s": [0, float("nan")]}, "finite"),
        ({**SPEECH, "words": [2, 2]}, "within the 3 of the transcript, got some up to 4"),
        ({**MOUTH, "box": [48, 32, 16, 56]}, "x0 < x1"),
        (MOUTH, "expected an audio beside an edit of kind 'mouth'"),
        ({"kind": "picture"}, "expected an audio beside an edit of kind 'picture'"),
        ({"kind": "picture", "clip": "a.mp4"}, "kind 'picture': no other field; got clip"),
        ({"kind": "sound"}, "kind 'sound': clip; got no other field"),
        ({"kind": "hair", "clip": "a.mp4"}, "'speech', 'mouth', 'picture' or 'sound'"),
    ],
)
def test_an_edit_has_what_its_kind_needs_and_no_more(edit, why):
    with pytest.raises(ValidationError, match=re.escape(why)):
        Prompt(**WHOLE, edit=edit)


def test_a_fault_of_a_prompt_has_the_name_of_its_field():
    faults = (
        ({**SPEECH, "span_s": [1.0, 1.0]}, "edit.span_s: expected a span whose end is after its start, got [1.0, 1.0]"),
        (
            {**SPEECH, "words": [2, 2]},
            "edit.words: expected new words within the 3 of the transcript, got some up to 4",
        ),
        ({**MOUTH, "box": [48, 32, 16, 56]}, "edit.box: expected a box x0, y0, x1, y1 with x0 < x1 and y0 < y1, got "),
        (MOUTH, "audio: expected an audio beside an edit of kind 'mouth', got none"),
    )
    for edit, said in faults:
        with pytest.raises(ValidationError) as error:
            Prompt(**WHOLE, edit=edit)
        (fault,) = faults_of(error.value)
        assert fault.startswith(said)


def test_files_are_those_that_a_prompt_names_and_can_be_placed_elsewhere():
    prompt = Prompt(**WHOLE, image="i.png", audio="b.wav", edit=MOUTH)
    assert prompt.files == {"image": "i.png", "audio": "b.wav", "edit.clip": "clips/a.mp4"}
    moved = prompt.with_files({field: f"/x/{path}" for field, path in prompt.files.items()})
    assert moved.files == {"image": "/x/i.png", "audio": "/x/b.wav", "edit.clip": "/x/clips/a.mp4"}
    assert moved.edit == Edit(kind="mouth", clip="/x/clips/a.mp4", box=(16, 32, 48, 56))
    assert prompt.with_files({}) == prompt
    assert Prompt(**WHOLE).files == {}


def test_a_reference_voice_is_a_file_and_is_written_only_where_there_is_one():
    assert "voice" not in json.loads(Prompt(**WHOLE, edit=SPEECH).model_dump_json())
    prompt = Prompt(**WHOLE, voice="v.wav")
    assert Prompt.model_validate_json(prompt.model_dump_json()) == prompt
    assert prompt.files == {"voice": "v.wav"}
    assert prompt.with_files({"voice": "/x/v.wav"}).voice == "/x/v.wav"


ANNA, BEN = {"id": "anna", "text": "place now"}, {"id": "ben", "text": "blue", "image": "b.png", "voice": "b.wav"}


def test_speakers_are_read_and_written_and_name_files():
    assert "speakers" not in json.loads(Prompt(**WHOLE).model_dump_json())
    prompt = Prompt(**WHOLE, speakers=[ANNA, BEN])
    assert Prompt.model_validate_json(prompt.model_dump_json()) == prompt
    assert prompt.files == {"speakers.1.image": "b.png", "speakers.1.voice": "b.wav"}
    moved = prompt.with_files({"speakers.1.voice": "/x/b.wav"})
    assert moved.files == {"speakers.1.image": "b.png", "speakers.1.voice": "/x/b.wav"}
    assert moved.speakers[0] == prompt.speakers[0]


@pytest.mark.parametrize(
    ("speakers", "more", "why"),
    [
        ([ANNA], {}, "speakers: expected two or more, got one"),
        ([ANNA, BEN, BEN], {}, "speakers: expected one entry for each, with all that is said, got two of 'ben'"),
        ([ANNA, BEN], {"voice": "v.wav"}, "voice: expected none beside speakers"),
        ([ANNA, {"id": "ben", "text": "red"}], {}, "speakers: expected texts that together have the words of the tr"),
        ([BEN | {"text": "blue blue"}, ANNA], {}, "speakers: expected texts that together have the words of the tr"),
        # The letters of the transcript in other words, and its words in another order.
        ([ANNA, {"id": "ben", "text": "lube"}], {}, "speakers: expected texts that together have the words of the tr"),
        (
            [{"id": "anna", "text": "now place"}, BEN],
            {},
            "speakers.0.text: expected words in the transcript's order, got 'now place' for 'place blue now'",
        ),
        ([ANNA, {"id": "a/b", "text": "blue"}], {}, "speakers.1.id: "),
        ([ANNA, {"id": "ben"}], {}, "speakers.1.text: expected a value, got none"),
        ([ANNA, BEN | {"age": "3"}], {}, "speakers.1.age: unknown field"),
    ],
)
def test_a_fault_of_speakers_names_its_place(speakers, more, why):
    with pytest.raises(ValidationError) as error:
        Prompt(**WHOLE, **more, speakers=speakers)
    (fault,) = faults_of(error.value)
    assert fault.startswith(why)


@pytest.mark.parametrize(
    ("transcript", "texts", "fits"),
    [
        ("Hi, Ben. Hi! How's it going?", ["hi Ben – how’s it going", "Hi."], True),
        ("‘Hello,’ she said.", ["Hello", "she said"], True),
        ("'Hello,' she said. 'Bye.'", ["she said", "Hello. ’Bye’"], True),
        ("'Hello,' she said. 'Bye.'", ["she said bye", "Hi."], False),
        ("We're in. Were we?", ["Were in", "We're we"], False),
        ("50% off. 50 of what?", ["50 off", "50% of what"], False),
        ("(laughs) Yes. No.", ["laughs yes", "no"], False),
        ("你好吗？很好。", ["你好吗", "很好"], True),
        ("你好吗？很好。", ["吗你好", "很好"], False),
        ("दिन दान", ["दान", "दिन"], True),
        ("दिन दिन", ["दान", "दिन"], False),
    ],
)
def test_speakers_say_the_transcripts_words_in_its_order(transcript, texts, fits):
    speakers = [{"id": f"s{number}", "text": text} for number, text in enumerate(texts)]
    try:
        Prompt(**WHOLE | {"transcript": transcript}, speakers=speakers)
    except ValidationError:
        assert not fits
    else:
        assert fits
