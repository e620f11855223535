"""What every fake upstream can do: misbehave as the prompt says, and make small pictures and tones.

Copied into the fake checkout, so it knows nothing of the tests. Words in square brackets in a prompt are orders.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def note(call, **arguments):
    """Remembers a call for the test."""
    with (HERE / "calls.jsonl").open("a") as file:
        file.write(json.dumps({"call": call, "pid": os.getpid(), **arguments}) + "\n")


def act(text):
    """Does what the prompt orders."""
    if "[noise]" in text:
        print('{"event": "done", "result": {}}')
        os.write(1, b"a progress bar\r 50%\r")
        subprocess.run([sys.executable, "-c", "print('a program prints')"], check=True)
    if "[eat]" in text:
        assert subprocess.run(["cat"], capture_output=True, check=True).stdout == b""
    if "[raise]" in text:
        raise ValueError("the prompt is too strange")
    if "[memory]" in text:
        raise RuntimeError("CUDA out of memory. Tried to allocate 80.00 GiB")
    if "[exit]" in text or ("[exit once]" in text and first("exited")):
        sys.stderr.write("terminate called after throwing\n")
        os._exit(137)
    if "[leave]" in text:  # A process that nobody waits for, which holds what it inherited.
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (HERE / "left.pid").write_text(str(left.pid))
    if "[hang]" in text:
        time.sleep(600)


def first(name):
    """Whether this has not happened yet in this checkout."""
    marker = HERE / name
    if marker.exists():
        return False
    marker.touch()
    return True


def picture(text, seed, frames, height, width):
    """(T, H, W, 3) uint8: a square that moves, of a shade that the seed sets."""
    made = np.full((frames, height, width, 3), 40 + 20 * (seed % 8), np.uint8)
    for k in range(0 if "[still]" in text else frames):
        left = k % (width - 8)
        made[k, 4:12, left : left + 8] = 230
    return made


def tone(text, seed, samples, rate_hz):
    """(N,) float32: a tone whose pitch the seed sets; silence or nothing where the prompt says so."""
    if "[mute]" in text:
        return np.zeros(0, np.float32)
    level = 0.0 if "[silent]" in text else 0.3
    return (level * np.sin(2 * np.pi * (220 + seed) * np.arange(samples) / rate_hz)).astype(np.float32)
