"""Texts of kept clips: the user's before what is heard and seen, whole videos' only where they are the clip's."""

import json
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

pytest.importorskip("silero_vad", reason="preparing data needs jova-bench[data]")

from jova_bench.data import describe
from jova_bench.data.captions import KEY_VARIABLE, Captioner
from jova_bench.data.describe import Describers, DescribeWork, wanted
from jova_bench.data.records import ClipRecord
from jova_bench.data.texts import Given, Texts, read_texts
from jova_bench.errors import BenchError
from jova_bench.execution.base import LocalContext
from jova_bench.media import files as media
from jova_bench.metrics.speech.recognition import Transcript
from support.mediapipe_files import with_files

DEAF = Describers(None, "en", None)


def clip(**fields):
    made = {"id": "talk-0000", "source": "talk.mp4", "start_s": 0.0, "end_s": 2.92, "status": "kept"}
    return ClipRecord(**{**made, **fields})


def texts(clips=None, videos=None):
    return Texts(clips or {}, videos or {})


@pytest.fixture
def desk(tmp_path, real_clips):
    """A folder of one video, 4.76 s long: somebody speaks until 2.2 s, then it is silent; and its first clip."""
    spoken = real_clips[0]
    frames = np.concatenate([spoken.frames, spoken.frames[:46]])
    audio = np.pad(spoken.audio, ((0, 0), (0, 46 * 640)))
    (tmp_path / "videos").mkdir()
    media.write(tmp_path / "videos" / "talk.mp4", frames, Fraction(25), audio, 16_000)
    media.write(tmp_path / "clips" / "talk-0000.mp4", spoken.frames, Fraction(25), spoken.audio, 16_000)
    return tmp_path


def described(desk, task, by=DEAF):
    return DescribeWork(desk / "videos", desk, by, with_files())(LocalContext("cpu"))(task)


def test_a_text_of_the_clip_comes_before_that_of_its_video(desk):
    own, whole = (
        Given("mine.csv", "lay blue", "a man"),
        Given("talk.txt", "lay blue under seven now", "a person", "calm"),
    )
    task = wanted(clip(), texts({"talk-0000": own}, {"talk.mp4": whole}), True, DEAF)
    made = described(desk, task)
    assert (made.transcript, made.transcript_by) == ("lay blue", "mine.csv")
    assert (made.video_caption, made.audio_caption) == ("a man", "calm")
    assert (made.video_caption_by, made.audio_caption_by) == ("mine.csv", "talk.txt")
    assert wanted(made, texts({"talk-0000": own}, {"talk.mp4": whole}), True, DEAF) is None
    changed = texts({"talk-0000": Given("mine.csv", "lay red")})
    assert described(desk, wanted(made, changed, True, DEAF)).transcript == "lay red"


def test_what_is_said_in_the_video_is_the_clips_if_all_of_it_is_in_the_clip(desk):
    whole = texts(videos={"talk.mp4": Given("talk.txt", "lay blue under seven now")})
    made = described(desk, wanted(clip(), whole, True, DEAF))
    assert (made.transcript, made.transcript_by) == ("lay blue under seven now", "talk.txt")
    assert made.reasons == ()
    assert wanted(made, whole, True, DEAF) is None


@pytest.mark.parametrize(
    ("fields", "alone", "detail"),
    [({"end_s": 1.0}, True, "speech from 0.32 to 2.11 s is not all in the clip"), ({}, False, "several clips")],
)
def test_what_is_said_in_the_video_is_not_guessed_to_be_the_clips(desk, fields, alone, detail):
    whole = texts(videos={"talk.mp4": Given("talk.txt", "lay blue under seven now", "a person")})
    made = described(desk, wanted(clip(**fields), whole, alone, DEAF))
    assert (made.transcript, made.transcript_by, made.video_caption) == ("", "", "a person")
    (reason,) = made.reasons
    assert reason.code == "transcript_not_used"
    assert detail in reason.detail
    assert wanted(made, whole, alone, DEAF) is None
    own = texts({made.id: Given("mine.csv", "lay blue")})
    again = described(desk, wanted(made, own, alone, DEAF))
    assert (again.transcript, again.reasons) == ("lay blue", ())


class Ears:
    """Stands for Whisper: says how much it was given."""

    key = "whisper-tiny[0]"

    def __init__(self, size, assets, device):
        assert (size, device) == ("tiny", "cpu")

    def check(self):
        return None

    def transcribe(self, audio, language):
        return Transcript(f"{language} {len(audio)}")


def test_whisper_transcribes_what_the_user_did_not(desk, monkeypatch):
    monkeypatch.setattr(describe, "Whisper", Ears)
    by = Describers("tiny", "de", None)
    made = described(desk, wanted(clip(), texts(), True, by), by)
    assert (made.transcript, made.transcript_by) == ("de 46720", "whisper-tiny[0]")
    assert wanted(made, texts(), True, by) is None
    whole = texts(videos={"talk.mp4": Given("talk.txt", "lay blue under seven now")})
    made = described(desk, wanted(clip(), whole, False, by), by)
    assert made.transcript_by == "whisper-tiny[0]"
    assert [reason.code for reason in made.reasons] == ["transcript_not_used"]


def test_unknown_sizes_and_missing_weights_are_said_first(tmp_path, monkeypatch):
    monkeypatch.setenv("JOVA_BENCH_ASSETS", str(tmp_path))
    with pytest.raises(BenchError, match="did you mean 'whisper-tiny-en'"):
        Describers("tiny.eng", "en", None).check(with_files())
    with pytest.raises(BenchError, match="assets pull whisper-tiny-en"):
        Describers("tiny.en", "en", None).check(with_files())


def test_clips_that_are_rejected_or_have_nothing_to_gain_are_left_alone():
    given = texts({"talk-0000": Given("mine.csv", "x")})
    assert wanted(clip(status="rejected"), given, True, DEAF) is None
    assert wanted(clip(), texts(), True, DEAF) is None


@pytest.fixture
def server():
    """A server of captions, whose answers are set; and what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.asked.append(
                (self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
            )
            status, content = self.server.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.answer = [], (200, json.dumps({"choices": [{"message": {"content": " a  red\nhat "}}]}).encode())
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_server_captions_what_the_user_did_not_and_its_key_is_kept_nowhere(desk, server, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret-7")
    by = Describers(None, "en", Captioner(f"http://127.0.0.1:{server.server_port}/v1/", "qwen"))
    made = described(desk, wanted(clip(), texts(), True, by), by)
    assert made.video_caption == "a red hat"
    assert made.video_caption_by == by.captioner.by == "qwen at 127.0.0.1"
    assert "secret-7" not in made.model_dump_json() + repr(by)
    ((path, headers, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret-7"
    asked = json.loads(body)
    assert asked["model"] == "qwen"
    parts = asked["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url", "image_url"]
    assert parts[1]["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert wanted(made, texts(), True, by) is None
    own = texts({"talk-0000": Given("mine.csv", None, "a man")})
    assert described(desk, wanted(clip(), own, True, by), by).video_caption == "a man"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ((401, b"no"), f"got status 401; set {KEY_VARIABLE}"),
        ((400, b"oops"), "got status 400"),
        ((200, b"<html>"), "expected JSON"),
        ((200, b"{}"), "expected an answer with a text"),
        ((200, b'{"choices": [{"message": {"content": ""}}]}'), "expected an answer with a text"),
        ((200, b'{"choices": [3]}'), "expected an answer with a text"),
        ((200, b"[" * 100_000), "nested too deeply"),
    ],
)
def test_a_server_that_answers_something_else_is_one_line(server, answer, what):
    server.answer = answer
    with pytest.raises(BenchError, match=what) as error:
        Captioner(f"http://127.0.0.1:{server.server_port}/v1", "qwen").caption(np.zeros((3, 8, 8, 3), np.uint8))
    assert "\n" not in str(error.value)


def test_a_server_that_is_not_there_is_one_line(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(BenchError, match=r"qwen at 127\.0\.0\.1: expected an answer, got none"):
        Captioner(f"http://127.0.0.1:{server.server_port}/v1", "qwen").caption(np.zeros((3, 8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://a/v1",
        "http://me:pw@a/v1",
        "http://a/v1?key=1",
        "http://a:x/v1",
        "http://[/v1",
        "http://gpu_xn--box/v1",
        "",
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(url):
    with pytest.raises(BenchError, match=f"the key goes into {KEY_VARIABLE}") as error:
        Captioner(url, "qwen")
    assert "pw" not in str(error.value)


def test_tables_and_texts_beside_videos_are_read(tmp_path):
    (tmp_path / "talk.txt").write_text("Good\nmorning  all\n")
    table = tmp_path / "mine.csv"
    table.write_text('source,id,transcript,video_caption\nother.mp4,,"Hello, you",\n,talk-0000,,a man\n')
    found = read_texts(table, tmp_path, ["talk.mp4", "other.mp4"])
    assert found.videos["talk.mp4"] == Given("talk.txt", "Good morning all")
    assert found.videos["other.mp4"] == Given("mine.csv", "Hello, you")
    assert found.clips == {"talk-0000": Given("mine.csv", None, "a man")}
    table.write_bytes(b"\xef\xbb\xbfsource,transcript\r\nother.mp4,Hello\r\n")
    assert read_texts(table, tmp_path, ["talk.mp4", "other.mp4"]).videos["other.mp4"] == Given("mine.csv", "Hello")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("source,transcrpt\ntalk.mp4,x\n", "did you mean 'transcript'"),
        ("source,transcript\ntalk.mp4\n", "expected 2 cells"),
        ("source;transcript\ntalk.mp4;Hello, you\n", "mine.csv:1: expected cells divided by commas, got semicolons"),
        ("source,transcript\nnone.mp4,x\n", "mine.csv:2: expected an id of a clip or the path of a video"),
        ("transcript\nx\n", "expected an id of a clip"),
        (
            "source,transcript\ntalk.mp4,x\ntalk.mp4,y\n",
            r"mine.csv:3: expected one row for 'talk.mp4', got another at .*:2",
        ),
        ("id,transcript\na-1,x\na-1,x\n", "expected one row for 'a-1'"),
        ("source\ntalk.mp4\n", "expected a column of transcript, video_caption, audio_caption, got source alone"),
    ],
)
def test_a_fault_in_a_table_is_one_line(tmp_path, content, what):
    (tmp_path / "mine.csv").write_text(content)
    with pytest.raises(BenchError, match=what):
        read_texts(tmp_path / "mine.csv", tmp_path, ["talk.mp4"])
