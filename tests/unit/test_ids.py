"""Ids show what they are, name files that any file system holds, and are made of names in one way."""

import os
import random
import sys
import unicodedata

import pytest

from jova_bench.ids import FILE_BYTES, check_id, file_stem, printable, safe_id
from jova_bench.prompts import Prompt
from jova_bench.runs.store import RunStore

NFD = "cafe\u0301"


@pytest.mark.parametrize(
    "good",
    ["a", "clip-1.take_2", ".a", "x" * 120, "日本", "ü", "दिन", "שלום", "สวัสดี", "한국어", "٣", "𠮷", "字" * 120, "İ"],
)
def test_letters_and_digits_of_any_script_are_ids_and_stay(good):
    assert check_id(good) == safe_id(good) == unicodedata.normalize("NFC", good)


@pytest.mark.parametrize(
    "bad",
    [
        "", "x" * 121, "a..b", "a/b", "a\\b", "a b", "a\0", "a\n", "日本 1", "a\u202eb", "a\u2066b", "a\u200bb",
        "\u0301a", "a\udce9", "a:b", "a*", "a~b", "😀", "a\u3164", "a\u034f", "½", "①", "a\ufe0f",
        "a\u00a0b", "a\u3000b", "../a",
    ],
)  # fmt: skip
def test_what_could_hide_or_leave_a_folder_is_no_id(bad):
    with pytest.raises(ValueError, match="letters and digits of any script"):
        check_id(bad)
    assert check_id(safe_id(bad)) == safe_id(bad)


def test_both_unicode_forms_of_a_name_are_one_id():
    assert NFD != "café"
    assert check_id(NFD) == safe_id(NFD) == "café"
    assert safe_id(f"{NFD} 1") == safe_id("café 1")
    assert Prompt(id=NFD, video_caption="", audio_caption="", transcript="").id == "café"


def test_ascii_names_become_what_they_always_did():
    # Ids stand in run folders. sha256 of "a b" begins with c8687a08, of 200 x with aa20c23e, of "a..b" with f62b4241.
    assert safe_id("a b") == "a_b-c8687a08"
    assert safe_id("x" * 200) == f"{'x' * 100}-aa20c23e"
    assert safe_id("a..b") == "a.b-f62b4241"
    assert safe_id("x" * 110) == "x" * 110


def random_names(seed, count):
    """Names of characters from all of Unicode, from those that are easy to get wrong, and of ASCII."""
    rng = random.Random(seed)
    hard = '\u0301\u0338\u200d\u202e\u3164\ufe0f\udce9\ud800~/\\:*?"<>|.. -_\0\n\t\u1100\u1161\u11a8\u212bﬁ①٣'
    for _ in range(count):
        kinds = rng.choices("uha", k=rng.choice((1, 2, 5, 30, 130, 300)))
        yield "".join(
            chr(rng.randrange(sys.maxunicode + 1))
            if kind == "u"
            else rng.choice(hard if kind == "h" else "abcXYZ019._-")
            for kind in kinds
        )


def test_any_name_becomes_an_id_once_and_apart():
    names = set(random_names(3, 4000))
    ids = {name: safe_id(name) for name in names}
    assert all(check_id(one) == safe_id(one) == one == unicodedata.normalize("NFC", one) for one in ids.values())
    composed = {unicodedata.normalize("NFC", name) for name in names}
    assert len(set(ids.values())) == len(composed)
    assert all(len(file_stem(one).encode()) <= FILE_BYTES for one in ids.values())


def test_every_id_names_a_file_that_the_file_system_holds(tmp_path):
    longest = ["字" * 120, "字" * 119 + "典", "𠮷" * 120, "a" * 120, "é" * 101, "é" * 100, "日本"]
    assert len({file_stem(one) for one in longest}) == len(longest)
    assert [file_stem(one) == one for one in longest] == [False, False, False, True, False, True, True]
    with RunStore(tmp_path / "run") as store:
        for one in longest:
            path = store.clip_path(one, one, 2**63 - 1, ".webm")
            store.keep_clip(one.encode(), path)
            assert path.read_bytes() == one.encode()
    # A shortened name can be no other id's.
    with pytest.raises(ValueError, match="any script"):
        check_id(file_stem("字" * 120))


def test_names_that_are_no_utf_8_can_be_said():
    name = os.fsdecode(b"caf\xe9.mp4")
    assert printable(name) == r"caf\udce9.mp4"
    assert printable("日本.mp4") == "日本.mp4"
