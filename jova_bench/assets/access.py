"""Names the account that asks the Hugging Face Hub: its token goes there alone; what is denied says how to have it.

A mirror of the Hub may want a name and a password of its own, which stand in its address in `HF_ENDPOINT`. They are
taken out of it, and sent to it alone, so that they stand in no address that a message shows or a file keeps.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

import httpx2

from jova_bench.errors import BenchError
from jova_bench.web.keys import key_in

HUB = "https://huggingface.co"
TOKEN = "HF_TOKEN"
"""Environment variable of the token of an account, which may have accepted terms."""
ENDPOINT = "HF_ENDPOINT"
"""Environment variable of the address of a mirror of the Hub."""


def endpoint() -> str:
    """Returns the address of the Hub or its mirror, without a name, password or `/` at its end. Raises BenchError."""
    return str(_named().copy_with(userinfo=b"")).rstrip("/")


def headers(url: str) -> dict[str, str]:
    """Returns the headers that name the account, for an address of the Hub or its mirror. Raises BenchError.

    A redirect to another host takes none of them along (`jova_bench.web.http.open_url`).
    """
    if on_hub(url):
        token = key_in(TOKEN)
        return {"Authorization": f"Bearer {token}"} if token else {}
    named = _named().userinfo
    if not named or not url.startswith(f"{endpoint()}/"):
        return {}
    return {"Authorization": f"Basic {b64encode(unquote_to_bytes(named if b':' in named else named + b':')).decode()}"}


def hint(url: str) -> str:
    """Returns what to do where an address of the Hub, or of one like it, is denied: the end of a message."""
    what = "; it is private, gated or not there"
    if not on_hub(url):
        return f"{what} ({TOKEN} goes to {HUB} alone)" if os.environ.get(TOKEN) else what
    found = re.match(r"(?:api/(?:models/)?)?((?:datasets/)?[^/]+/[^/]+)/", url.removeprefix(f"{HUB}/"))
    page = f"{HUB}/{found[1]}" if found else HUB
    having = f"with the account of {TOKEN}, which is to be valid" if os.environ.get(TOKEN) else f"and set {TOKEN}"
    return f"{what}; if it is gated, accept its licence on {page} {having}"


def on_hub(url: str) -> bool:
    """Returns whether an address is of the Hub itself."""
    return url.startswith(f"{HUB}/")


def _named() -> httpx2.URL:
    """Returns the address that the environment names, with name and password; it is not shown where it is none."""
    try:
        url = httpx2.URL(os.environ.get(ENDPOINT) or HUB)
        if url.scheme in ("http", "https") and url.host:
            return url
    except (httpx2.InvalidURL, ValueError):  # A name that IDNA does not know is a ValueError.
        pass
    raise BenchError(f"expected an address like {HUB} in {ENDPOINT}, got another")
