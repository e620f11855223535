"""Which files of clips have more than picture and sound, and so are not published."""

from fractions import Fraction

import av
import numpy as np
import pytest

from jova_bench.media import files as media
from jova_bench.report.hub.clip_files import why_not
from jova_bench.report.hub.redaction import Redaction

REDACT = Redaction(paths=["/srv/vault"], users=["alice"])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "plain.mp4"
    media.write(path, np.zeros((6, 32, 32, 3), np.uint8), Fraction(25), np.zeros((1, 4000), np.float32), 16_000)
    return path


def copied(plain, path, add):
    """The streams of a clip in another file, to which something is added before any packet."""
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        streams = {one.index: target.add_stream_from_template(one) for one in source.streams}
        add(target)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


def chapter(file):
    title = {"title": "made by alice"}
    file.set_chapters([{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": title}])


@pytest.mark.parametrize(
    ("suffix", "add", "expected"),
    [
        (".mkv", lambda file: None, None),
        (".mkv", chapter, "its file has chapters"),
        (".mkv", lambda file: file.add_attachment("a.txt", "text/plain", b"alice"), "video, audio, attachment"),
        (".mkv", lambda file: file.add_stream("aac", rate=16_000), "more than one picture and one sound"),
        (".mp4", lambda file: file.metadata.update(title="a workflow"), "a tag 'title'"),
        (".mp4", lambda file: file.metadata.update(encoder="of alice"), None),  # The container writes its own.
    ],
)  # fmt: skip
def test_a_file_has_its_picture_and_its_sound_alone(plain, tmp_path, suffix, add, expected):
    found = why_not(copied(plain, tmp_path / f"clip{suffix}", add), REDACT)
    assert found is None if expected is None else expected in found


def box(name, content):
    return (8 + len(content)).to_bytes(4, "big") + name + content


def in_movie(content, more):
    """The file with more in its movie box, which is the last."""
    at = content.index(b"moov") - 4
    assert at + int.from_bytes(content[at : at + 4], "big") == len(content)
    return content[:at] + box(b"moov", content[at + 8 :] + more)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda content: content + box(b"uuid", b"<xmp>by Carol</xmp>"), "'uuid'"),
        (lambda content: content + box(b"free", b"a prompt of Carol"), "'free'"),
        (lambda content: content + b"trailing bytes of Carol", "'without a size'"),
        (lambda content: in_movie(content, box(b"udta", box(b"XMP_", b"<xmp>by Carol</xmp>"))), "'XMP_'"),
        (lambda content: in_movie(content, box(b"meta", bytes(4) + box(b"xml ", b"by Carol"))), "'xml '"),
        (lambda content: content.replace(b"url \0\0\0\1", b"url \0\0\0\0"), "'dref'"),
        (lambda content: content + box(b"free", bytes(9)), None),
        (lambda content: in_movie(content, box(b"udta", bytes(4))), None),
        (lambda content: content + bytes(4) + b"mdat" + bytes(9), None),
    ],
)
def test_a_file_has_no_box_that_is_not_played(plain, tmp_path, change, expected):
    (tmp_path / "clip.mp4").write_bytes(change(plain.read_bytes()))
    found = why_not(tmp_path / "clip.mp4", REDACT)
    assert found is None if expected is None else f"a part {expected}" in found


def test_what_no_reader_shows_is_looked_for_in_the_bytes(plain, tmp_path):
    assert why_not(plain, REDACT) is None
    (tmp_path / "a.mp4").write_bytes(plain.read_bytes() + b"\0\0\0\x18free/srv/vault/x")
    assert "a path or a secret" in why_not(tmp_path / "a.mp4", REDACT)
    (tmp_path / "b.mp4").write_bytes(b"no clip")
    assert "cannot be read" in why_not(tmp_path / "b.mp4", REDACT)
