"""What httpx2 is trusted with, and what is added to it: where redirects and keys go, proxies, slow readers, files."""

import contextlib
import gzip
import socket
import sys
import threading

import httpx2
import pytest

from jova_bench.errors import BenchError
from jova_bench.web import http
from jova_bench.web.http import is_loopback, open_url
from jova_bench.web.server import content_of
from support.chat_server import serving

AWAY = {"Location": "https://b.example/x"}


@pytest.fixture
def web(monkeypatch):
    """Returns a function that sets the responses of addresses, and returns the list of what will be asked."""

    def responding(**responses):
        asked = []

        def respond(request):
            asked.append(request)
            status, headers = responses.get(request.url.path.strip("/"), (200, {}))
            return httpx2.Response(status, headers=headers)

        client = httpx2.Client(transport=httpx2.MockTransport(respond))
        monkeypatch.setattr(http, "_client", lambda timeout_s: client)
        return asked

    return responding


@pytest.mark.parametrize(
    ("url", "location", "follows"),
    [
        ("https://a.example/go", "https://b.example/x", {False}),
        ("https://a.example/go", "https://a.example:444/x", {False}),
        ("https://a.example/go", "/x", {False, True}),
        ("http://a.example/go", "http://a.example/x", {False, True}),
        ("http://a.example/go", "https://a.example/x", {False, True}),
        ("https://a.example/go", "http://a.example/x", set()),
        ("https://a.example/go", "http://127.0.0.1/x", set()),
        ("http://a.example/go", "file:///etc/hostname", set()),
        ("http://a.example/go", "ftp://a.example/x", set()),
        ("http://a.example/go", "data:,x", set()),
        ("http://a.example/go", "http://a.example:x/", set()),
    ],
)
def test_a_redirect_leads_to_the_web_and_not_out_of_tls_nor_from_home_where_that_is_asked(web, url, location, follows):
    for same_host in (False, True):
        asked = web(go=(302, {"Location": location}))
        with open_url(httpx2.Request("GET", url), same_host=same_host) as response:
            assert response.status_code == (200 if same_host in follows else 302)
        assert len(asked) == 1 + (same_host in follows)


@pytest.mark.parametrize(("status", "methods"), [(302, ["POST", "GET"]), (303, ["POST", "GET"]), (307, ["POST"])])
def test_what_was_posted_is_not_posted_again(web, status, methods):
    asked = web(go=(status, AWAY))
    with open_url(httpx2.Request("POST", "https://a.example/go", content=b"pay")):
        assert [one.method for one in asked] == methods


def test_redirects_without_end_end(web):
    asked = web(go=(302, {"Location": "/go"}))
    with pytest.raises(httpx2.TooManyRedirects), open_url(httpx2.Request("GET", "https://a.example/go")):
        pass
    assert len(asked) == 11


def test_a_key_goes_on_to_its_own_origin_alone_and_never_comes_back(web):
    asked = web(go=(302, {"Location": "/on"}), on=(302, AWAY), x=(302, {"Location": "https://a.example/end"}))
    key = {"Authorization": "Bearer k"}
    with open_url(httpx2.Request("GET", "https://a.example/go", headers=key)):
        pass
    assert [one.url.host for one in asked] == ["a.example", "a.example", "b.example", "a.example"]
    assert [one.headers.get("Authorization") for one in asked] == ["Bearer k", "Bearer k", None, None]


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::0.0.0.1]",
        "[::ffff:127.0.0.1]", "[0:0:0:0:0:FFFF:7f00:1]",
    ],
)  # fmt: skip
def test_no_name_of_this_machine_is_for_a_proxy(monkeypatch, host):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with http._client(1.0) as client:
        url = httpx2.URL(f"http://{host}:8000/v1")
        own, other = (client._transport_for_url(httpx2.URL(one)) for one in (url, "http://a.example/"))
        assert own is client._transport is not other
    assert is_loopback(url.host)  # Which is what gets a key in plain text.


@pytest.mark.parametrize("host", ["127.1", "[::]", "[::2]", "[::ffff:128.0.0.1]", "localhost.example", "localhost."])
def test_what_may_pass_a_proxy_gets_no_key_in_plain_text(host):
    assert not is_loopback(httpx2.URL(f"http://{host}/").host)


def test_the_environment_says_what_passes_its_proxy(monkeypatch):
    """0.0.0.0 reaches this machine and is no name of it."""
    with serving(lambda body: (204, {}, b"")) as at:
        url = at.url.replace("127.0.0.1", "0.0.0.0")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with pytest.raises(httpx2.ConnectError), open_url(httpx2.Request("POST", url, content=b"{}")):
            pass
        monkeypatch.setenv("no_proxy", "b.example,0.0.0.0/8")
        with open_url(httpx2.Request("POST", url, content=b"{}")) as response:
            assert response.status_code == 204


@pytest.mark.parametrize(
    ("proxy", "what"),
    [
        ("socks5://127.0.0.1:1", r"pip install 'httpx2\[socks\]'"),
        ("ftp://me:secret@p", r"like http://proxy:3128, got another: .*ftp://me:\[secure\]@p"),
        ("http://me:sec/ret@p", r"like http://proxy:3128, got another$"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_line(monkeypatch, proxy, what):
    monkeypatch.setenv("all_proxy", proxy)
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(BenchError, match=what), open_url(httpx2.Request("GET", "http://a.example/")):
        pass


@pytest.mark.parametrize("name", ["xn--bcher-kva.example", ".xn--bcher-kva.example", "*.xn--bcher-kva.example"])
def test_a_name_in_punycode_that_passes_no_proxy_is_told_as_httpx2_takes_it(monkeypatch, name):
    monkeypatch.setenv("no_proxy", f"a.example, {name}")
    for scheme in ("http", "https", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)
    with http._client(1.0) as client:  # Without a proxy there is none to pass.
        assert client._transport_for_url(httpx2.URL("http://a.example/")) is client._transport
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(BenchError, match=r"in NO_PROXY but as all://xn--bcher-kva\.example, got .*xn--bcher") as error:
        http._client(1.0)
    monkeypatch.setenv("no_proxy", str(error.value).split("as ")[1].split(",")[0])
    with http._client(1.0) as client:
        assert client._transport_for_url(httpx2.URL("http://xn--bcher-kva.example/")) is client._transport
        assert client._transport_for_url(httpx2.URL("http://a.example/")) is not client._transport


def test_certificates_that_are_not_there_are_named(monkeypatch):
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    http._trusted.cache_clear()
    with pytest.raises(BenchError, match=r"expected certificates at SSL_CERT_FILE: .*No such file"):
        http._trusted()
    http._trusted.cache_clear()


def test_who_reads_too_slowly_is_left(monkeypatch):
    """Each piece is taken in time, all of them are not."""
    monkeypatch.setattr(http, "SLOWEST", 1 << 40)
    with socket.create_server(("127.0.0.1", 0)) as server:
        left = threading.Event()

        def read():
            connection, _ = server.accept()
            with connection:
                while not left.wait(0.001) and connection.recv(1 << 16):
                    pass

        reader = threading.Thread(target=read)
        reader.start()
        request = httpx2.Request("POST", f"http://127.0.0.1:{server.getsockname()[1]}/", content=bytes(1 << 26))
        with pytest.raises(httpx2.TimeoutException, match="bytes of content in"), open_url(request, timeout_s=0.05):
            pass
        left.set()
        reader.join()


@pytest.mark.parametrize(
    ("head", "more", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000, httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000, httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"x" * 1000, httpx2.RemoteProtocolError),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", httpx2.TimeoutException),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y", httpx2.TimeoutException),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"y", httpx2.TimeoutException),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n", httpx2.TimeoutException),
    ],
    ids=["headers", "a header", "a chunk's size", "continue", "a slow header", "a slow body", "slow chunks"],
)
def test_what_has_no_end_ends(head, more, error):
    """What is long comes at once, what is slow in pieces."""
    pause = None if len(more) >= 1000 else 0.002
    with socket.create_server(("127.0.0.1", 0)) as server:
        left = threading.Event()

        def send():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(head)
                while not left.wait(pause) if pause else not left.is_set():
                    connection.sendall(more)

        sender = threading.Thread(target=send)
        sender.start()
        request = httpx2.Request("GET", f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(error), open_url(request, timeout_s=0.1) as response:
            response.read()
        left.set()
        sender.join()


def test_a_coded_body_is_read_and_cut_where_it_grows_too_long():
    most = 1 << 20
    bomb = gzip.compress(bytes(4 * most))
    with serving(lambda body: (200, {"Content-Encoding": "gzip"}, bomb)) as at:
        request = httpx2.Request("POST", at.url, content=b"{}")
        with open_url(request) as response:
            assert content_of(response, most) == bytes(most)


def test_a_file_is_read_by_its_address(tmp_path):
    path = tmp_path / "a b.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    url = path.as_uri()
    assert "%20" in url
    with open_url(httpx2.Request("GET", url)) as response:
        assert response.headers["Content-Length"] == "256000"
        assert b"".join(response.iter_raw()) == path.read_bytes()
    for wrong in (url + "x", url.replace("file://", "file://elsewhere"), tmp_path.as_uri()):
        with pytest.raises(httpx2.ConnectError), open_url(httpx2.Request("GET", wrong)):
            pass
