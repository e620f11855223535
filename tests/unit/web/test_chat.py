"""A server of chats that errs, stalls, is busy or echoes the key: only what passes is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jova_bench.errors import BenchError
from jova_bench.web import chat
from jova_bench.web import server as web
from jova_bench.web.chat import ChatServer
from jova_bench.web.server import NoAnswer
from support.chat_server import STALL, said, serving

KEY = "secret-key-7"
BODY = {"messages": [{"role": "user", "content": "well?"}]}


@pytest.fixture
def waits(monkeypatch):
    """The pauses between attempts, which pass at once."""
    found = []
    monkeypatch.setattr(web, "sleep", found.append)
    monkeypatch.setenv("THE_KEY", KEY)
    return found


def server(at, **options):
    return ChatServer(at.url, "asked-for", "THE_KEY", **options)


def in_turn(*replies):
    left = list(replies)
    return lambda body: left.pop(0)


def test_what_passes_is_tried_again_after_pauses_that_double_or_as_long_as_the_server_asks(waits):
    busy = [(503, {}, b""), (429, {"Retry-After": "9"}, b""), (500, {"Retry-After": "no date"}, b"")]
    with serving(in_turn(*busy, said("fine"))) as at:
        assert chat.text_of(server(at).ask(BODY), server(at)) == "fine"
    assert waits == [1, 9, 4]
    assert [body["model"] for body in at.asked] == ["asked-for"] * 4
    assert at.keys == [f"Bearer {KEY}"] * 4


def test_a_date_to_wait_for_is_understood(waits):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with serving(in_turn((503, {"Retry-After": soon}, b""), said("fine"))) as at:
        server(at).ask(BODY)
    (wait,) = waits
    assert 50 < wait <= 60


@pytest.mark.parametrize("year", ["99999999999", "99999", "0001"])
def test_a_date_that_is_none_is_not_waited_for(waits, year):
    busy = (429, {"Retry-After": f"Mon, 01 Jan {year} 00:00:00 +1400"}, b"")
    with serving(in_turn(busy, said("fine"))) as at:
        server(at).ask(BODY)
    assert waits == [1]


def test_an_answer_that_is_too_long_says_so(waits, monkeypatch):
    monkeypatch.setattr(ChatServer, "largest_bytes", 10)
    with serving(in_turn(said("fine"))) as at, pytest.raises(NoAnswer, match="of at most 10 bytes, got more"):
        server(at).ask(BODY)


def test_a_server_that_stays_busy_is_left_after_six_attempts(waits):
    used_up = (429, {}, b'{"error": {"message": "quota of today is used up"}}')
    with (
        serving(lambda body: used_up) as at,
        pytest.raises(NoAnswer, match="429: 'quota of today is used up'") as error,
    ):
        server(at).ask(BODY)
    assert error.value.status == 429
    assert waits == [1, 2, 4, 8, 16]
    assert len(at.asked) == 6


def test_nobody_waits_for_an_hour(waits):
    busy = (429, {"Retry-After": "3600"}, b"")
    with serving(lambda body: busy) as at, pytest.raises(NoAnswer, match="status 429, which asks to wait 3600 s"):
        server(at).ask(BODY)
    assert (waits, len(at.asked)) == ([], 1)


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        ((400, {}, b'{"detail": "no field logprobs"}'), "status 400: 'no field logprobs'"),
        ((404, {}, b"<html>"), "status 404$"),
        ((403, {}, b'{"error": "not yours"}'), "status 403: 'not yours'; set THE_KEY"),
        ((400, {"Transfer-Encoding": "chunked"}, b"9\r\n{"), "status 400$"),
        ((200, {}, b'{"error": {"message": "out of memory"}}'), "expected an answer, got an error: 'out of memory'$"),
        ((200, {}, b"<html>"), "expected JSON"),
        ((200, {}, b"[" * 100_000), "nested too deeply"),
        (STALL, "expected an answer, got none: .*timed out"),
    ],
    ids=["400", "404", "403", "breaks off", "error", "html", "deep", "stalls"],
)
def test_another_fault_is_one_line_at_once(waits, reply, what):
    with serving(lambda body: reply) as at:
        with pytest.raises(NoAnswer, match=what) as error:
            server(at, timeout_s=0.2 if reply is STALL else 60.0).ask(BODY)
        assert "\n" not in str(error.value)
        assert (waits, len(at.asked)) == ([], 1)


def test_a_server_may_think_for_longer_than_other_connections_may_be_silent(waits, monkeypatch):
    monkeypatch.setattr("jova_bench.web.http.TIMEOUT_S", 0.01)

    def reply(body):
        at.over.wait(0.1)
        return said("at last")

    with serving(reply) as at:
        assert chat.text_of(server(at, timeout_s=60.0).ask(BODY), server(at)) == "at last"


@pytest.mark.parametrize("status", [400, 401, 403, 429])
def test_the_key_stands_in_no_message_though_the_server_says_it(waits, status):
    with serving(lambda body: (status, {}, f'{{"error": {{"message": "wrong key {KEY}"}}}}'.encode())) as at:
        with pytest.raises(NoAnswer) as error:
            server(at).ask(BODY)
        assert KEY not in str(error.value) + repr(server(at))


@pytest.mark.parametrize(
    "written", [r"a\"b\\c/de", r"a\\\"b\\\\c/de", r"a\\\"b\\\\c\\/de"], ids=["once", "twice", "slash"]
)
@pytest.mark.parametrize("status", [200, 400])
def test_the_key_stands_in_no_message_as_json_writes_it(waits, monkeypatch, status, written):
    monkeypatch.setenv("THE_KEY", 'a"b\\c/de')
    with (
        serving(lambda body: (status, {}, f'{{"error": "wrong key {written}"}}'.encode())) as at,
        pytest.raises(NoAnswer, match=r": 'wrong key \[key\]'$"),
    ):
        server(at).ask(BODY)


def test_an_answer_is_left_as_it_is_though_the_key_stands_in_it(waits, monkeypatch):
    monkeypatch.setenv("THE_KEY", "local-key")
    with serving(lambda body: said("a local-key man", model="local-key-model")) as at:
        found = server(at).ask(BODY)
        assert (found["model"], chat.text_of(found, server(at))) == ("local-key-model", "a local-key man")
        with pytest.raises(NoAnswer, match=r"got \{'choices': '\[key\]'\}"):
            chat.text_of({"choices": "local-key"}, server(at))


@pytest.mark.parametrize("key", ["x", "EMPTY", "no-key-"])
def test_a_word_in_place_of_a_key_spoils_no_message(waits, monkeypatch, key):
    monkeypatch.setenv("THE_KEY", key)
    with (
        serving(lambda body: (400, {}, b'{"error": "expected at most 8 pixels, EMPTY no-key-"}')) as at,
        pytest.raises(NoAnswer, match=r": 'expected at most 8 pixels, EMPTY no-key-'$"),
    ):
        server(at).ask(BODY)
    assert at.keys == [f"Bearer {key}"]


@pytest.mark.parametrize(
    ("url", "key_for", "sent"),
    [
        ("https://a.example/v1", None, True),
        ("https://a.example/v1", "HTTPS://A.example:443/other", True),
        ("https://a.example/v1", "", False),
        ("https://a.example/v1", "https://a.example:99999/v1", False),
        ("https://a.example/v1", "https://b.example/v1", False),
        ("https://a.example/v1", "https://a.example:8443/v1", False),
        ("https://a.example/v1", "http://a.example:443/v1", False),
        ("http://a.example/v1", None, False),
        ("http://a.example/v1", "http://a.example/v1", False),
        ("http://localhost.a.example/v1", None, False),
        ("http://localhost:8000/v1", None, True),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", True),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1", False),
        ("http://[::1]:8000/v1", None, True),
    ],
)
def test_the_key_goes_to_its_own_server_alone_and_not_over_a_network_as_plain_text(
    waits, monkeypatch, url, key_for, sent
):
    requests = []

    def refuse(request, timeout_s):
        requests.append(request)
        raise OSError("no network")

    monkeypatch.setattr(web, "open_url", refuse)
    with pytest.raises(NoAnswer, match="no network"):
        ChatServer(url, "m", "THE_KEY", key_for=key_for).ask(BODY)
    assert [request.headers.get("Authorization") for request in requests] == [f"Bearer {KEY}" if sent else None]


def test_what_is_for_this_machine_passes_no_proxy_and_what_is_for_another_does(waits, monkeypatch):
    with serving(lambda body: said("by a proxy")) as proxy, serving(lambda body: said("here")) as at:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        asked = [ChatServer(url, "m", "THE_KEY") for url in (at.url, at.url.replace("127.0.0.1", "localhost"))]
        assert [chat.text_of(one.ask(BODY), one) for one in asked] == ["here", "here"]
        assert proxy.keys == []
        away = ChatServer("http://a.example/v1", "m", "THE_KEY")
        assert chat.text_of(away.ask(BODY), away) == "by a proxy"
        assert proxy.keys == [None]


def test_a_server_that_gets_no_key_and_wants_one_is_named(waits):
    with serving(lambda body: (401, {}, b"")) as at:
        with pytest.raises(NoAnswer, match=r"status 401; THE_KEY is not for this server$"):
            server(at, key_for="https://b.example/v1").ask(BODY)
        assert at.keys == [None]


@pytest.mark.parametrize("key", ["two words", "kéy", "a\nb"])
def test_a_key_that_cannot_be_sent_is_not_shown(monkeypatch, key):
    monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(BenchError, match=r"of ASCII in THE_KEY$") as error:
        ChatServer("http://127.0.0.1:1/v1", "m", "THE_KEY").ask(BODY)
    assert key not in str(error.value)


def test_a_key_read_from_a_file_may_end_with_its_line(waits, monkeypatch):
    monkeypatch.setenv("THE_KEY", f"{KEY}\n")
    with serving(lambda body: said("fine")) as at:
        server(at).ask(BODY)
    assert at.keys == [f"Bearer {KEY}"]
