"""Stand-ins for upstream repositories: the same import paths and signatures, and behaviour that a prompt asks for.

`installed` puts one where the harness looks for the real checkout; the real worker then runs it in a process of its
own. Signatures are held to `support/upstream_api_facts` by `unit/baselines/test_upstream_api.py`.
"""

import hashlib
import json
import shutil
import sys
import zlib
from pathlib import Path

from jova_baselines.external import home
from jova_baselines.external.client import Worker
from jova_bench.assets import table as assets
from jova_bench.models.registry import create_model

FAKES = Path(__file__).parent


def installed(name, folder, monkeypatch, start_timeout_s=60.0, sample_timeout_s=60.0):
    """The baseline called `name` with a fake checkout, environment and weights, able to run on a CPU.

    Args:
        name: of the baseline, and of the folder here with its fake.
        folder: becomes the folder of assets.
        monkeypatch: of the test.
        start_timeout_s: for loading.
        sample_timeout_s: for a sample.
    """
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(folder))
    baseline = create_model(name, "cpu")
    limits = {"start_timeout_s": start_timeout_s, "sample_timeout_s": sample_timeout_s}
    baseline.manifest = baseline.manifest.model_copy(
        update={"devices": ("cpu",), "limits": baseline.manifest.limits.model_copy(update=limits)}
    )
    fill(baseline.manifest, home.of(baseline.manifest))
    return baseline


def fill(manifest, where):
    """Makes the folder of a baseline look as `jova_baselines.setup` leaves it."""
    shutil.copytree(FAKES / manifest.name, where.checkout)
    shutil.copy(FAKES / "acts.py", where.checkout)
    _check_out(where.checkout / ".git", manifest.source.commit)
    where.python.parent.mkdir(parents=True)
    where.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    where.python.chmod(0o755)
    where.installed.write_text(home.recipe(manifest))
    for one in manifest.weights:
        for pattern in one.files:
            file = where.weights / one.folder / pattern.replace("*", "x")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"weights")


def impatient(monkeypatch):
    """Gives a sample that hangs half a second, and the others the time that a busy machine needs."""
    request = Worker._request
    monkeypatch.setattr(
        Worker, "_request", lambda self, asked, limit: request(self, asked, 0.5 if "[hang]" in str(asked) else limit)
    )


def _check_out(repository, commit):
    """Makes what git takes for a clean checkout of a commit that is not here: one without files stands for it."""
    content = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n"
    content = b"commit %d\0" % len(content) + content
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    files = {
        "HEAD": commit.encode(),
        f"refs/replace/{commit}": digest.encode(),
        f"objects/{digest[:2]}/{digest[2:]}": zlib.compress(content),
    }
    for name, content in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_bytes(content)


def calls(baseline):
    """What the fake was asked, in order: objects with `call` and the arguments."""
    path = home.of(baseline.manifest).checkout / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
