"""Asks a server that speaks OpenAI's protocol (vLLM, llama.cpp, any vendor's) what a clip shows."""

from __future__ import annotations

from dataclasses import dataclass

from jova_bench.arrays import Frames
from jova_bench.metrics.judge.given import image_part, text_part
from jova_bench.web.chat import ChatServer, text_of

KEY_VARIABLE = "JOVA_BENCH_CAPTION_KEY"
"""Key of the server, which is read where it is sent, and kept nowhere."""
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
        _ = self.server

    @property
    def server(self) -> ChatServer:
        """Returns what is asked."""
        return ChatServer(self.url, self.model, KEY_VARIABLE)

    @property
    def by(self) -> str:
        """Model and host, for the manifest."""
        return self.server.by

    def caption(self, frames: Frames) -> str:
        """Describes (T, H, W, 3) frames.

        Raises:
            BenchError: the server cannot be reached, refuses, or answers something else.
        """
        chosen = [frames[0], frames[len(frames) // 2], frames[-1]]
        content = [text_part(ASK), *map(image_part, chosen)]
        answer = self.server.ask({"temperature": 0, "messages": [{"role": "user", "content": content}]})
        return " ".join(text_of(answer, self.server).split())[:LONGEST]
