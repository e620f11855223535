"""Folders as other benchmarks publish them, for the tests of importers."""

import json


def put(path, content="x"):
    """Writes text, or an object as JSON, and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def verse(text="Hello there.", **changes):
    return {"video_prompt": "a room", "audio_prompt": ["a bell", "rain"],
            "speech_prompt": {"speaker": "the host", "text": text}} | changes  # fmt: skip


def faults(found):
    return [str(fault) for fault in found.faults]
