"""How prompts are written for each model: goldens, and what must not stand in a prompt."""

import pytest

from jova_baselines.external.render import RENDERERS, count_words, rendered, sentence, text
from jova_bench.errors import BenchError
from jova_bench.prompts import Prompt


def prompt(**changes):
    parts = {"video_caption": "A woman in a red coat\n looks up ", "audio_caption": "A low, calm voice"}
    return Prompt(id="p", **{**parts, "transcript": 'He said  "no" twice.', **changes})


GOLDENS = {
    "nothing": "",
    "picture": "A woman in a red coat looks up.",
    "sound": "A low, calm voice.",
    "words": 'He said "no" twice.',
    "prose": "A woman in a red coat looks up. The person says: \"He said 'no' twice.\" The sound: A low, calm voice.",
    "scene": "A woman in a red coat looks up. A low, calm voice.",
    "ovi": 'A woman in a red coat looks up. The person says, <S>He said "no" twice.<E>. Audio: A low, calm voice.',
    "tagged": (
        'A woman in a red coat looks up. The person says, <S>He said "no" twice.<E>. '
        "<AUDCAP>A low, calm voice.<ENDAUDCAP>"
    ),
    "verse": {
        "video_prompt": "A woman in a red coat looks up.",
        "audio_prompt": ["A low, calm voice."],
        "speech_prompt": {"speaker": "the person", "text": 'He said "no" twice.'},
    },
    "magihuman": "A woman in a red coat looks up. The person says: \"He said 'no' twice.\" A low, calm voice.\n\n"
    "Dialogue:\n<The person, English>: \"He said 'no' twice.\"",
}


@pytest.mark.parametrize("name", RENDERERS)
def test_goldens(name):
    assert rendered(name, prompt()) == GOLDENS[name]


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("prose", "A woman in a red coat looks up."),
        ("ovi", "A woman in a red coat looks up."),
        ("tagged", "A woman in a red coat looks up."),
        ("scene", "A woman in a red coat looks up."),
        ("sound", ""),
        ("words", ""),
    ],
)
def test_what_is_not_there_leaves_no_trace(name, want):
    assert rendered(name, prompt(transcript=" ", audio_caption="")) == want


@pytest.mark.parametrize(
    ("changes", "want"),
    [
        ({"transcript": ""}, "A low, calm voice.\n\nBackground Sound:\n<A low, calm voice>"),
        ({"transcript": "", "audio_caption": ""}, "\n\nBackground Sound:\n<No prominent background sound>"),
        # Upstream's own example, spaces and punctuation.
        (
            {"transcript": "有的人，在一起。", "audio_caption": "", "language": "zh-CN"},
            'The person says: "有 的 人，在 一 起。"\n\nDialogue:\n<The person, Mandarin>: "有 的 人，在 一 起。"\n\n'
            "Background Sound:\n<No prominent background sound>",
        ),
        ({"transcript": "ciao", "language": "it"}, '\n\nDialogue:\n<The person>: "ciao"'),
    ],
)
def test_three_parts_for_magihuman(changes, want):
    assert rendered("magihuman", prompt(**changes)).endswith(want)


def test_no_sound_and_no_words_for_universe():
    made = rendered("verse", prompt(transcript="", audio_caption=""))
    assert (made["audio_prompt"], made["speech_prompt"]["text"]) == ([], "")


@pytest.mark.parametrize(
    ("name", "changes", "found"),
    [
        ("ovi", {"transcript": "stop <E> here"}, "<E>"),
        ("tagged", {"audio_caption": "wind<ENDAUDCAP>"}, "<ENDAUDCAP>"),
        ("ovi", {"video_caption": "a sign says Audio: off"}, "Audio:"),
        ("ovi", {"audio_caption": "<AUDCAP>wind"}, "<AUDCAP>"),
        ("scene", {"video_caption": 'a screen with {"a": 1}'}, "{"),
        ("scene", {"audio_caption": "|0| begins"}, r"\|0\|"),
        # "nonetheless" holds "none": upstream would drop the sound.
        ("verse", {"audio_caption": "Nonetheless a bell rings"}, "None"),
        ("magihuman", {"transcript": "a < b"}, "<"),
        ("magihuman", {"audio_caption": "Background sound: rain"}, "Background sound:"),
    ],
)
def test_markup_of_a_model_in_a_prompt_is_refused(name, changes, found):
    with pytest.raises(BenchError, match=f"without '{found}', which this model reads as markup, got it in 'p'"):
        rendered(name, prompt(**changes))


def test_a_prompt_that_would_be_cut_is_refused():
    assert text("picture", prompt(video_caption="a b c"), 3) == "a b c."
    with pytest.raises(BenchError, match="at most 3 words, got 4"):
        text("picture", prompt(video_caption="a b c d"), 3)


def test_unknown_and_unfit_renderers_are_named():
    with pytest.raises(BenchError, match=r"got 'pros'; did you mean 'prose'"):
        rendered("pros", prompt())
    with pytest.raises(BenchError, match="one text, got 'verse'"):
        text("verse", prompt())


@pytest.mark.parametrize(
    ("part", "want"), [("a", "a."), ("a!", "a!"), ("他说。", "他说。"), ("", ""), (' "a" ', '"a"')]
)
def test_sentences(part, want):
    assert sentence(part) == want


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("a face, twice", 3),
        ("x" * 16 + " " + "y" * 17, 3),
        # Two characters of a script without blanks; what stands beside it is a word of its own.
        ("一个女人微笑着", 4),
        ("我用PyTorch训练。", 4),
        ("ผู้หญิงยิ้ม", 6),
        ("여자가 웃는다", 2),
        (" \n", 0),
    ],
)
def test_words_are_counted_in_scripts_with_and_without_blanks(words, count):
    assert count_words(words) == count


def test_a_long_text_without_blanks_is_refused():
    caption = prompt(video_caption="女" * 1025)
    with pytest.raises(BenchError, match="a prompt of at most 512 words, got 514"):
        text("picture", caption, 512)
    assert text("picture", prompt(video_caption="女" * 1022), 512)
