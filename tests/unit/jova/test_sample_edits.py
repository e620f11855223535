"""Edits of clips from the command line of sampling."""

from dataclasses import replace

import numpy as np
import pytest

from jova.data.folder import read_clip, write_clip
from jova.editing_files import span_notes
from jova.pipeline import FILES
from jova.sample import main
from support.jova_micro import CONFIG, editing_pipeline, loud_clip, micro


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the weights of a model that edits, and two clips."""
    folder, pipeline = tmp_path_factory.mktemp("files"), editing_pipeline()
    pipeline.model.save(folder / FILES[0])
    pipeline.video_codec.save(folder / FILES[1])
    pipeline.audio_codec.save(folder / FILES[2])
    write_clip(folder / "clip.mp4", *loud_clip(0))
    write_clip(folder / "other.mp4", *loud_clip(1))
    return folder


def sample(files, monkeypatch, capsys, *flags, transcript="place red now", weights=None):
    """Runs `python -m jova.sample`; returns (exit code, stderr)."""
    words = ["--video-caption", "red hair", "--audio-caption", "low voice", "--transcript", transcript]
    where = ["--weights", str(weights or files), "--steps", "1", "--out", str(files / "out.mp4")]
    monkeypatch.setattr("sys.argv", ["jova.sample", *where, *words, *map(str, flags)])
    try:
        main()
    except SystemExit as end:
        return end.code, capsys.readouterr().err
    return 0, capsys.readouterr().err


def test_command_line_of_every_edit(files, monkeypatch, capsys):
    given, other = read_clip(files / "clip.mp4"), read_clip(files / "other.mp4")
    one, two = files / "clip.mp4", files / "other.mp4"
    span = ("--from", 0.13, "--to", 0.19)
    run = lambda *flags, **words: sample(files, monkeypatch, capsys, *flags, **words)  # noqa: E731
    note = "note: --from 0.13 --to 0.19 is rounded outward to whole cells of the model: made are 0.04 to 0.2 s of the "
    note += "picture and 0.12 to 0.2 s of the sound\n"
    assert run("--edit", "speech", "--clip", one, *span, transcript="place [red] now") == (0, note)
    _, audio = read_clip(files / "out.mp4")
    assert np.abs(audio[: 3 * 640] - given[1][: 3 * 640]).max() <= 1 / 32768
    assert run("--edit", "mouth", "--clip", one, "--audio", two, "--mouth", "9,17,23,31") == (0, "")
    assert np.array_equal(read_clip(files / "out.mp4")[1], other[1])
    code, said = run("--edit", "mouth", "--clip", one, "--audio", two)
    assert code == 0
    assert "note: " in said
    assert "taken to be within 8,16,24,28 px of 32 x 32, set it with --mouth" in said
    assert run("--edit", "picture", "--audio", two, "--image", one) == (0, "")
    assert np.array_equal(read_clip(files / "out.mp4")[1], other[1])
    assert run("--edit", "sound", "--clip", one) == (0, "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--edit", "speech", "--clip", "CLIP"), "expected --from, --to for --edit speech, got none"),
        (("--edit", "mouth", "--clip", "CLIP"), "expected --audio for --edit mouth, got none"),
        (("--edit", "picture", "--audio", "CLIP", "--clip", "CLIP"), "--audio, --image for --edit picture, got --clip"),
        (("--clip", "CLIP"), "for a clip without --edit, got --clip"),
        (("--edit", "sound", "--clip", "CLIP", "--mouth", "1,2,3"), "X0 below X1 and Y0 below Y1, got '1,2,3'"),
        (("--edit", "sound", "--clip", "CLIP", "--mouth", "nan,2,3,4"), "X0 below X1 and Y0 below Y1, got 'nan,2,3,4'"),
        (("--edit", "sound", "--clip", "CLIP", "--mouth", "9,9,5,5"), "argument --mouth: expected X0,Y0,X1,Y1 with X0"),
        (("--edit", "sound", "--clip", "NONE"), "a file with a video, got no file at"),
        (
            ("--edit", "sound", "--clip", "TEXT"),
            "cannot be decoded: Invalid data found when processing input; give another, such as mp4, mkv, mov or w",
        ),
        (("--edit", "speech", "--clip", "CLIP", "--from", "0.13", "--to", "0.19"), "in one pair of brackets"),
        (("--edit", "speech", "--clip", "CLIP", "--from", "0.1", "--to", "9"), "within 0 and 0.36 s, got 0.1 to 9 s"),
    ],
)
def test_command_lines_that_cannot_be_are_refused(files, monkeypatch, capsys, flags, message):
    (files / "text.mp4").write_text("no clip")
    names = {name: str(files / f"{name.lower()}.mp4") for name in ("CLIP", "NONE", "TEXT")}
    code, said = sample(files, monkeypatch, capsys, *(names.get(flag, flag) for flag in flags))
    assert code == 2
    assert message in said
    assert "note:" not in said  # Of what is made where nothing is.


def test_a_clip_does_not_replace_what_it_is_made_from(files, monkeypatch, capsys):
    clip = files / "clip.mp4"
    before = clip.read_bytes()
    code, said = sample(files, monkeypatch, capsys, "--edit", "sound", "--clip", clip, "--out", clip)
    assert code == 2
    assert "expected another file as --out than --clip" in said
    assert clip.read_bytes() == before


def test_weights_without_edits_say_that_they_do_not_edit(files, monkeypatch, capsys, tmp_path):
    for name in FILES[1:]:
        (tmp_path / name).symlink_to(files / name)
    micro().save(tmp_path / FILES[0])
    flags = ("--edit", "sound", "--clip", files / "clip.mp4")
    code, said = sample(files, monkeypatch, capsys, *flags, weights=tmp_path)
    assert code == 2
    assert "expected weights trained for editing" in said
    assert "train with jova-bench train --edit-share" in said


@pytest.mark.parametrize(
    ("span_s", "picture", "sound"),
    [  # Latents of 1, 4, 4 and tokens of 1, 2, 2, 2, 2 frames of 0.04 s.
        ((0.1, 0.1001), "0.04 to 0.2", "0.04 to 0.12"),
        ((0.0, 0.001), "0 to 0.04", "0 to 0.04"),
        ((0.04, 0.12), "0.04 to 0.2", None),
        ((0.03, 0.05), "0 to 0.2", "0 to 0.12"),
        ((0.04, 0.2), None, None),
        ((0.2, 0.1), None, None),
        ((0.4, 0.5), None, None),
    ],
)
def test_a_note_names_the_span_that_is_made(span_s, picture, sound):
    made = [f"{span} s of the {name}" for span, name in ((picture, "picture"), (sound, "sound")) if span]
    found = span_notes(replace(CONFIG, editing=True), *span_s)
    assert [note.partition("made are ")[2] for note in found] == ([" and ".join(made)] if made else [])


def test_out_replaces_nothing_but_clips_of_this_command(files, monkeypatch, capsys):
    out = files / "out.mp4"
    write_clip(out, *loud_clip(1))
    for content in (out.read_bytes(), b"notes of mine", b""):
        out.write_bytes(content)
        code, said = sample(files, monkeypatch, capsys)
        assert code == 2
        assert f"expected a new file or an earlier clip of this command as --out, got {out}, which is another" in said
        assert out.read_bytes() == content
    out.unlink()
    assert sample(files, monkeypatch, capsys) == (0, "")
    first = read_clip(out)
    assert sample(files, monkeypatch, capsys, "--seed", 1) == (0, "")  # Its own clip is replaced.
    assert not np.array_equal(read_clip(out)[1], first[1])
    assert sample(files, monkeypatch, capsys) == (0, "")
    np.testing.assert_array_equal(read_clip(out)[1], first[1])
    out.unlink()
    out.mkdir()
    assert sample(files, monkeypatch, capsys)[0] == 2
    out.rmdir()


@pytest.mark.parametrize("name", ["clip.txt", "clip", "clip.wav", ""])
def test_out_is_named_as_the_mp4_file_that_it_is(files, monkeypatch, capsys, name):
    code, said = sample(files, monkeypatch, capsys, "--out", files / name if name else "")
    assert code == 2
    assert "expected a name that ends in .mp4 as --out, got '" in said
