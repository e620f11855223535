"""Asks a server that speaks OpenAI's chat protocol (vLLM, llama.cpp, any vendor's): one question, one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jova_bench.web.server import Call, ModelServer, NoAnswer


@dataclass(frozen=True)
class ChatServer(ModelServer):
    """A server of chats, whose address is given up to `/v1`, and the model that it is asked for."""

    def ask(self, body: Mapping[str, Any]) -> Any:
        """Returns the answer to one question, as JSON values.

        Args:
            body: `messages` and the options of the request; the model is added.

        Raises:
            NoAnswer: the server cannot be reached, is silent, refuses, stays busy, or answers no JSON.
            BenchError: the key cannot be sent.
        """
        content = json.dumps({"model": self.model, **body}).encode()
        found = self.send(Call("/chat/completions", content, {"Content-Type": "application/json"}), self.parsed)
        if isinstance(found, dict) and found.get("error") and not found.get("choices"):
            raise NoAnswer(f"{self.by}: expected an answer, got an error{self.message(found)}")
        return found


def text_of(answer: Any, server: ChatServer) -> str:
    """Returns the text of an answer. Raises NoAnswer for anything else.

    Args:
        answer: as `ChatServer.ask` returns it.
        server: which one gave it.
    """
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str) or not text.strip():
        raise NoAnswer(f"{server.by}: expected an answer with a text, got {server.shown(answer)}")
    return text
