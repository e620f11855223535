"""Names the account that asks the Hugging Face Hub: its token goes there alone; what is denied says how to have it."""

from __future__ import annotations

import os
import re

from jova_bench.web.keys import key_in

HUB = "https://huggingface.co"
TOKEN = "HF_TOKEN"
"""Environment variable of the token of an account, which may have accepted terms."""


def headers(url: str) -> dict[str, str]:
    """Returns the headers that name the account, for an address of the Hub; none for any other. Raises BenchError.

    A redirect to another host takes none of them along (`jova_bench.web.http.open_url`).
    """
    token = key_in(TOKEN) if on_hub(url) else ""
    return {"Authorization": f"Bearer {token}"} if token else {}


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
