"""Models of other people's servers, by the protocol of `POST /v1/videos`: `v1-videos:URL#MODEL`."""

from __future__ import annotations

import os

from jova_baselines.served.client import VideoServer
from jova_baselines.served.generator import ServedModel
from jova_baselines.served.options import KEY_VARIABLE, TABLE_VARIABLE, options_of, read_table
from jova_baselines.unaddressed import Unaddressed
from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.models.base import Generator

NAME = "v1-videos"
EXAMPLE = f"{NAME}:http://localhost:8091#MiniMaxAI/MiniMax-H3"


def v1_videos(device: str, address: str | None = None) -> Generator:
    """Builds a served model, and asks its server what it states of itself.

    Args:
        device: of the worker; the server has its own.
        address: `URL#MODEL`, the URL up to `/v1`.

    Raises:
        BenchError: the address or the user's table does not fit, a key is not there, or the server does not answer.
    """
    if address is None:
        return Unaddressed(NAME, _lacks)
    url, _, model = address.partition("#")
    if not url or not model:
        raise BenchError(f"expected {NAME}:URL#MODEL, such as {EXAMPLE}, got {shown(f'{NAME}:{address}')}")
    options = options_of(model)
    if options.key_variable != KEY_VARIABLE and not os.environ.get(options.key_variable, "").strip():
        # Not shown: it may be the key, written there by mistake.
        what = f"expected a key in the environment variable that `key_variable` of {shown(model)} names"
        mend = f"export it, and name it, not the key, in the file of {TABLE_VARIABLE}"
        raise BenchError(f"{what}, got none of that name; {mend}")
    server = VideoServer(url.rstrip("/").removesuffix("/v1"), model, options.key_variable)
    return ServedModel(server, options, server.stated())


def _lacks() -> str:
    """Returns what is missing: a server, and a table that can be read, if one is named."""
    try:
        read_table()
    except BenchError as error:
        return str(error)
    return f"names no server; run it as {NAME}:URL#MODEL, such as {EXAMPLE}"
