"""Asks a server that speaks OpenAI's protocol (vLLM, llama.cpp, any vendor's) what a clip shows."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from jova_bench.arrays import Frames
from jova_bench.assets.http import open_url
from jova_bench.errors import BenchError
from jova_bench.files.reading import parse_json
from jova_bench.formatting.messages import shown
from jova_bench.metrics.faces.opencv import cv2

KEY_VARIABLE = "JOVA_BENCH_CAPTION_KEY"
"""Key of the server, which is read where it is sent, and kept nowhere."""
LARGEST_BYTES = 1 << 20
LONGEST = 2000
"""Characters of a caption."""
ASK = (
    "These are the first, the middle and the last frame of a short video of one person who speaks. Describe in one "
    "paragraph what is seen: the person, clothes, setting, light, camera. Do not guess what is said. Answer with the "
    "description alone."
)


@dataclass(frozen=True)
class Captioner:
    """Where captions come from."""

    url: str
    """Beginning of the address, up to `/v1`."""
    model: str

    def __post_init__(self) -> None:
        """Refuses addresses that are none, or that hold a secret. Raises BenchError."""
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username or port == 0:
            what = "the address of a server like http://localhost:8000/v1, without a name, a password or a query"
            raise BenchError(f"expected {what}; the key goes into {KEY_VARIABLE}")

    @property
    def by(self) -> str:
        """Model and host, for the manifest."""
        return f"{self.model} at {urlsplit(self.url).hostname}"

    def caption(self, frames: Frames) -> str:
        """Describes (T, H, W, 3) frames.

        Raises:
            BenchError: the server cannot be reached, refuses, or answers something else.
        """
        shown_frames = [frames[0], frames[len(frames) // 2], frames[-1]]
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "user", "content": _content(shown_frames)}],
        }
        address = f"{self.url.rstrip('/')}/chat/completions"
        request = Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
        if key := os.environ.get(KEY_VARIABLE):
            request.add_unredirected_header("Authorization", f"Bearer {key}")  # For this server alone.
        try:
            with open_url(request) as response:
                content = b""
                while len(content) <= LARGEST_BYTES and (part := response.read1(LARGEST_BYTES)):
                    content += part
        except HTTPError as error:
            hint = f"; set {KEY_VARIABLE}" if error.code in (401, 403) else ""
            raise BenchError(f"{self.by}: expected a caption, got status {error.code}{hint}") from error
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise BenchError(f"{self.by}: expected a caption, got no answer: {why}") from error
        return _text(content, self.by)


def _content(frames: Sequence[Frames]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": ASK}]
    for frame in frames:
        _, image = cv2().imencode(".jpg", frame[..., ::-1])
        address = f"data:image/jpeg;base64,{base64.b64encode(bytes(image)).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": address}})
    return parts


def _text(content: bytes, by: str) -> str:
    """Returns the text of an answer. Raises BenchError for anything else."""
    answer = parse_json(content[:LARGEST_BYTES].decode(errors="replace"), by)
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str) or not text.strip():
        raise BenchError(f"{by}: expected an answer with a text, got {shown(answer)}")
    return " ".join(text.split())[:LONGEST]
