"""HTTP by httpx2, with a limit on every wait: silence, a trickle or headers without content end in an error.

httpx2 limits the silence between two bytes and the length of headers, tells a body that breaks off from a whole one,
keeps a key from other hosts and knows the proxies of the environment. It sets no limit to a byte a minute, nor to
`100 Continue` again and again: how fast content comes is measured here. Nor does it ask where a redirect leads, or how
long what comes with it is: they are followed here.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import httpx2

from jova_bench.errors import BenchError

if TYPE_CHECKING:
    import ssl

CHUNK = 1 << 16
"""Bytes written, or read from a file, at a time."""
TIMEOUT_S = 60.0
"""Seconds without a byte after which a connection counts as broken, where its caller names no other."""
SLOWEST = 1000
"""Bytes of content a second; a slower connection counts as broken after as many seconds."""
REDIRECTS = 10
_OWN = ("127.0.0.0/8", "[::1]/128", "[::ffff:127.0.0.0]/104")
"""Addresses of this machine, as httpx2 writes networks: it compares hosts with those by value, in any spelling."""
_NETWORKS = [ipaddress.ip_network(re.sub(r"[][]", "", one)) for one in _OWN]


@contextmanager
def open_url(
    request: httpx2.Request, timeout_s: float | None = None, same_host: bool = False
) -> Iterator[httpx2.Response]:
    """Yields the response to a request, of any status, whose body is to be read by its `iter_raw` or `iter_bytes`.

    Redirects of a GET, and those that make a GET of a POST, are followed to the web alone, and never from a secure
    address to one that is not. One that is not followed is the response. A header `Authorization` goes to the origin of
    the request alone. Proxies are those of the environment; what is for this machine passes none.

    Args:
        request: what is asked, by http, https or file.
        timeout_s: seconds without a byte after which the connection counts as broken; None for `TIMEOUT_S`.
        same_host: follows no redirect to another host or port.

    Raises:
        httpx2.HTTPError: there is no response, or, while it is read, its body breaks off.
        BenchError: the environment names a proxy that cannot be used.
    """
    pace = _Pace(timeout_s or TIMEOUT_S)
    request.extensions = {"trace": pace.trace}
    for name, value in {"User-Agent": "jova-bench", "Accept": "*/*", "Accept-Encoding": "identity"}.items():
        request.headers.setdefault(name, value)
    with _client(pace.timeout_s) as client, closing(_followed(client, request, same_host)) as response:
        pace.response = response
        yield response


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine by its name, which no proxy gets: `localhost`, or a loopback address."""
    try:
        return host == "localhost" or any(ipaddress.ip_address(host) in network for network in _NETWORKS)
    except ValueError:
        return False


def kind_of(response: httpx2.Response) -> str:
    """Returns the media type of a body, without parameters; empty where none is stated."""
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _client(timeout_s: float) -> httpx2.Client:
    """Returns a client for one call: what it holds of connections and cookies ends with it."""
    own, named = {f"all://{host}": None for host in ("localhost", *_OWN)}, getproxies()
    proxied = any(named.get(scheme) for scheme in ("http", "https", "all"))  # Else NO_PROXY says nothing.
    try:
        mounts = {**own, "file://": _Files()}
        return httpx2.Client(timeout=timeout_s, verify=_trusted(), mounts=mounts, trust_env=proxied)
    except ImportError as error:
        raise BenchError("the environment names a SOCKS proxy: pip install 'httpx2[socks]', or unset it") from error
    except (httpx2.InvalidURL, ValueError) as error:
        for name in re.findall(r"(?i)[^\s,]*xn--[^\s,]*", named.get("no", "")):
            if "://" not in name:  # httpx2 puts a * before it, which is in no name in Punycode.
                other = f"all://{name.lstrip('*.')}"
                raise BenchError(f"expected no name in Punycode in NO_PROXY but as {other}, got {name}") from error
        # Of an address that is none, what counts as its port may be of a password.
        got = "another" if isinstance(error, httpx2.InvalidURL) else f"another: {error}"
        raise BenchError(f"expected proxies of the environment like http://proxy:3128, got {got}") from error


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Reads the certificates that this machine trusts, which takes longer than a call."""
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        named = " and ".join(name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ)
        raise BenchError(f"expected certificates at {named or 'the places of the system'}: {error}") from error


def _followed(client: httpx2.Client, request: httpx2.Request, same_host: bool) -> httpx2.Response:
    """Returns the first response that is no redirect to be followed."""
    for _ in range(REDIRECTS + 1):
        response = client.send(request, stream=True)
        onward = response.next_request
        if onward is None or not _may_follow(request.url, onward, same_host):
            return response
        response.close()
        request = onward
    raise httpx2.TooManyRedirects(f"more than {REDIRECTS} redirects", request=request)


def _may_follow(before: httpx2.URL, onward: httpx2.Request, same_host: bool) -> bool:
    """Returns whether a redirect leads to the web, not from a secure address to a plain one, and to send nothing."""
    schemes = ("https",) if before.scheme == "https" else ("https", "http")
    home = not same_host or onward.url.netloc == before.netloc
    return onward.method == "GET" and onward.url.scheme in schemes and home


class _Pace:
    """How fast a request goes, and the content of its response comes: what is slow for too long ends in an error."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.response: httpx2.Response | None = None
        self._since: float | None = None
        self._before = 0

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Watches each connection from when it is made, as httpx2's extension `trace` says."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._since, stream = None, info["return_value"]
            stream.read = functools.partial(self._read, stream.read)
            stream.write = functools.partial(self._write, stream.write)

    def _read(self, read: Callable[..., bytes], most: int, timeout: float | None = None) -> bytes:
        data, now = read(most, timeout), time.monotonic()
        content = self.response.num_bytes_downloaded if self.response else 0
        if self._since is None:  # Until the first byte a server may think.
            self._since = now
        if self._passed(now - self._since, content - self._before):
            self._since, self._before = now, content
        return data

    def _write(self, write: Callable[..., None], data: bytes, timeout: float | None = None) -> None:
        began = time.monotonic()
        for start in range(0, len(data), CHUNK):
            write(data[start : start + CHUNK], timeout)
            self._passed(time.monotonic() - began, start + CHUNK)

    def _passed(self, seconds: float, count: int) -> bool:
        """Returns whether the time is over in which bytes are counted. Raises httpx2.TimeoutException for too few."""
        if seconds >= self.timeout_s and count < SLOWEST * seconds:
            raise httpx2.TimeoutException(f"timed out: {count} bytes of content in {seconds:.0f} s")
        return seconds >= self.timeout_s


class _Files(httpx2.BaseTransport):
    """Responds to `file:` with the file: that of a request, as no redirect leads there."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        path = Path(request.url.path)
        if request.url.host not in ("", "localhost") or not path.is_file():
            raise httpx2.ConnectError(f"expected a file of this machine, got {path}")
        return httpx2.Response(200, headers={"Content-Length": str(path.stat().st_size)}, content=_blocks(path))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            yield block
