"""The protocol of `POST /v1/videos`: what a request says, and what the answers mean. Nothing here talks to a server.

OpenAI's reference defines create, retrieve and content, with the states queued, in_progress, completed and failed.
vLLM-Omni (vllm_omni/entrypoints/openai/protocol/videos.py @079d7a5) and SGLang (python/sglang/multimodal_gen/runtime/
entrypoints/openai/protocol.py) add fields of sampling to the request, `inference_time_s` and `peak_memory_mb` to the
answer; vLLM-Omni also takes `audio_reference`, a JSON object with a data URL. Gateways use more words for the states.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jova_baselines.served.refusals import is_code, is_refusal

MEBIBYTE = 2**20
"""vLLM-Omni and SGLang divide bytes by it for `peak_memory_mb`."""
LONGEST_S, LARGEST_MB = 30 * 86_400.0, 2.0**30
"""A month and a pebibyte: what is stated of one clip and larger is no measure."""
DONE = ("completed", "complete", "succeeded", "success", "successful", "done", "finished", "ready")
FAILED = (
    *("failed", "failure", "fail", "error", "errored", "cancelled", "canceled", "aborted", "terminated", "rejected"),
    *("expired", "timeout", "timed_out"),
)
REFUSED = ("refused", "declined", "blocked", "blocked_by_policy", "moderated", "filtered", "flagged")
"""Words for the end of a job, as are the codes of refusals; any other is one that waits."""
_LITELLM = re.compile(r"(litellm:custom_llm_provider:[^;]*);model_id:[^;]*;(video_id:.+)", re.DOTALL)
_JOB = r"((the )?(requested )?(video|job|task|generation)( job| task| generation)?)"
_ABSENT = re.compile(
    rf"(({_JOB}( with)?( id)?:? )?<id>|{_JOB}) "
    r"((was |could )?not (be )?found|does not exist|doesn't exist|no longer exists|"
    r"((is|has|was) )?(been )?(expired|deleted))"
    rf"|(no such|unknown) {_JOB}( id)?(:? <id>)?|no {_JOB}( with)?( id)? <id>(( was)? found)?|{_JOB} not found: <id>",
    re.IGNORECASE,
)
"""Whole messages about a job that is not there, such as SGLang's `Video not found`, with `<id>` for its id."""
_ABSENT_CODE = re.compile(r"(video|job|task|generation)_?not_?found(_?error)?", re.IGNORECASE)
SUFFIXES = {"video/mp4": ".mp4", "video/webm": ".webm", "video/x-matroska": ".mkv", "video/quicktime": ".mov"}


@dataclass(frozen=True)
class JobState:
    """What a server says of a job."""

    id: str
    status: Literal["waiting", "done", "failed", "refused"]
    word: str
    """Status in the server's own words."""
    model: str
    """Model that the server names; empty where it names none."""
    said: Any
    """The whole answer, as JSON values."""
    seconds: float | None = None
    """Generation time without waiting; None where the server does not state it."""
    peak_memory_bytes: int | None = None


def read_job(answer: Any) -> JobState | None:
    """Reads an answer to create or retrieve; None if it is not about a job."""
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), str | int) or not str(answer["id"]):
        return None
    if "\ufffd" in str(answer["id"]):  # A character of it got lost: by what is left no job can be asked for.
        return None
    word = answer.get("status")
    if not isinstance(word, str):
        return None
    status: Literal["waiting", "done", "failed", "refused"] = "waiting"
    plain = re.sub(r"[\s-]+", "_", word.strip().lower())
    if plain in DONE:
        status = "done"
    elif plain in REFUSED or is_code(word) or (plain in FAILED and is_refusal(answer)):
        status = "refused"
    elif plain in FAILED:
        status = "failed"
    model, memory = answer.get("model"), _measure(answer.get("peak_memory_mb"), LARGEST_MB)
    return JobState(
        id=str(answer["id"]),
        status=status,
        word=word,
        model=model if isinstance(model, str) else "",
        said=answer,
        seconds=_measure(answer.get("inference_time_s"), LONGEST_S),
        peak_memory_bytes=None if memory is None else round(MEBIBYTE * memory) or None,
    )


def is_same_job(asked: str, answered: str) -> bool:
    """Returns whether two ids are of one job: equal, or written by LiteLLM, which leaves the model out of the second.

    Its ids are `video_` and the base64 of provider, model and the provider's own id (litellm/types/videos/utils.py).
    """
    return asked == answered or ((own := _litellm(asked)) is not None and own == _litellm(answered))


def says_gone(said: Any, job_id: str) -> bool:
    """Returns whether the JSON values of a 404 or 410 say that a job is not there.

    By a code of that or by a whole message: a gateway, or a server that just started, answers of itself by a page, an
    object of its own, `Not Found`, or a message about a service or a clip that is not there yet.
    """
    error = said.get("error", said.get("detail", said.get("message"))) if isinstance(said, dict) else None
    about = error if isinstance(error, dict) else {"message": error}
    if any(isinstance(one, str) and _ABSENT_CODE.fullmatch(one) for one in (about.get("code"), about.get("type"))):
        return True
    words = about.get("message")
    if not isinstance(words, str):
        return False
    plain = re.sub(rf"""['"`(]?(?<![\w-]){re.escape(job_id)}(?![\w-])['"`)]?""", "<id>", words)
    return bool(_ABSENT.fullmatch(plain.strip().removesuffix(".")))


def body(fields: Mapping[str, Any], files: Mapping[str, str], encoding: str, boundary: str) -> tuple[bytes, str]:
    """Writes a request; the same of the same.

    Args:
        fields: by name.
        files: paths of `image` (PNG) and `audio` (WAV), of those that there are.
        encoding: `form` or `json`.
        boundary: line between the parts of a form, which none of them has: letters and digits drawn at random.

    Returns:
        The body and its content type.
    """
    given = dict(fields)
    if "audio" in files:
        given["audio_reference"] = {"audio_url": _data_url(files["audio"], "audio/wav")}
    if encoding == "json":
        if "image" in files:
            given["input_reference"] = {"image_url": _data_url(files["image"], "image/png")}
        return json.dumps(given, ensure_ascii=False).encode(), "application/json"
    parts = [(f'name="{name}"', _text(value).encode()) for name, value in given.items()]
    if "image" in files:
        content = Path(files["image"]).read_bytes()
        parts.append(('name="input_reference"; filename="image.png"\r\nContent-Type: image/png', content))
    written = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return written + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _text(value: Any) -> str:
    """Writes a field of a form: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _data_url(path: str, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


def _litellm(job_id: str) -> tuple[str, ...] | None:
    """Returns provider and the provider's own id of a job of LiteLLM; None for another."""
    try:
        plain = base64.b64decode(job_id.removeprefix("video_"), validate=True).decode()
    except ValueError:
        return None
    return found.groups() if (found := _LITELLM.fullmatch(plain)) else None


def _measure(value: Any, largest: float) -> float | None:
    """Returns a number above 0, which stands for not measured, and up to the largest; None for anything else."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= largest
    return float(value) if fits else None
