"""HTTP with a limit on every wait: silence, a trickle or headers without content end in an error.

The standard library bounds the silence between two bytes, nothing else: headers that never end, `100 Continue` again
and again, trailers after the last chunk, or a byte a minute keep it reading without end. Here every byte is counted in
one place, which limits how many may come before content does, and how slowly.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

CHUNK = 1 << 20
"""Bytes read at a time."""
TIMEOUT_S = 60.0
"""Seconds without a byte after which a connection counts as broken, where its caller names no other."""
SLOWEST = 1000
"""Bytes a second; a slower connection counts as broken after as many seconds."""
TALK = 1 << 20
"""Bytes that are no content (headers, sizes of chunks) in the response to one call."""


def open_url(request: Request, timeout_s: float | None = None, same_host: bool = False) -> Any:
    """Opens a URL as `urllib.request.urlopen` does, for http, https and file, with a limit on every wait.

    Its body is to be read by `read1`. Proxies are those of the environment; what is for this machine passes none.

    Args:
        request: what is asked.
        timeout_s: seconds without a byte after which the connection counts as broken; None for `TIMEOUT_S`.
        same_host: refuses redirects to another host or port.
    """
    redirects = _HomeRedirects if same_host else _Redirects
    return build_opener(_Plain, _Secure, redirects, _Proxies).open(request, timeout=timeout_s or TIMEOUT_S)


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine by its name: `localhost`, or a loopback address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Counted(io.RawIOBase):
    """A connection whose bytes are counted as they come."""

    def __init__(self, raw: Any, timeout_s: float) -> None:
        self._raw, self._left, self._timeout_s = raw, TALK, timeout_s
        self._since, self._came = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def allow(self, count: int) -> None:
        """Allows this many more bytes to be received, and some for headers."""
        self._left = count + TALK

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer) or 0
        now, self._left, self._came = time.monotonic(), self._left - count, self._came + count
        if self._left < 0:
            raise http.client.HTTPException(f"{TALK} bytes without content")
        if (passed := now - self._since) >= self._timeout_s:
            if self._came < SLOWEST * passed:
                raise TimeoutError(f"{self._came} bytes in {passed:.0f} s")
            self._since, self._came = now, 0
        return int(count)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response that is read through a `_Counted`."""

    def __init__(self, sock: Any, *args: Any, **kw: Any) -> None:
        super().__init__(sock, *args, **kw)
        self._counted = _Counted(self.fp.detach(), sock.gettimeout())
        self.fp = io.BufferedReader(self._counted)

    def read1(self, n: int = -1) -> bytes:
        """Returns the bytes of the body that have arrived, at most n; empty at its end."""
        self._counted.allow(max(n, 0))
        return super().read1(n)


class _PlainConnection(http.client.HTTPConnection):
    response_class = _Response


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Response


class _Plain(HTTPHandler):
    def http_open(self, request: Request) -> Any:
        return self.do_open(_PlainConnection, request)


class _Secure(HTTPSHandler):
    def https_open(self, request: Request) -> Any:
        return self.do_open(_SecureConnection, request, context=self._context)  # type: ignore[attr-defined]


class _Redirects(HTTPRedirectHandler):
    """Follows to the web alone, and never from a secure address to one that is not."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        secure = req.full_url.lower().startswith("https://")
        if not newurl.lower().startswith("https://" if secure else ("https://", "http://")):
            raise HTTPError(req.full_url, code, f"a redirect to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _HomeRedirects(_Redirects):
    """Follows to the same host and port alone."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if urlsplit(newurl).netloc.lower() != urlsplit(req.full_url).netloc.lower():
            raise HTTPError(req.full_url, code, f"a redirect to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Proxies(ProxyHandler):
    """Asks the environment's proxies for other machines alone: a key in plain text is for this one and no other."""

    def proxy_open(self, req: Request, proxy: str, type: str) -> Any:
        return None if is_loopback(urlsplit(req.full_url).hostname or "") else super().proxy_open(req, proxy, type)
