"""What is removed from texts, and what stays."""

import re
import socket
from pathlib import Path

import pytest

from jova_bench.errors import BenchError
from jova_bench.report.hub import redaction as module
from jova_bench.report.hub.redaction import Redaction, redaction

PLAIN = Redaction((), (), (), ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Errno 2] No such file: '/data/alice smith/clip one.mp4'", "[Errno 2] No such file: 'PATH'"),
        ("cannot open /mnt/nas/a.mp4: it is gone", "cannot open PATH it is gone"),
        ("clips:/home/bob/out/**", "clips:PATH"),
        ("read ~/weights and ~bob/more", "read PATH and PATH"),
        (r"C:\Users\bob\clip.mp4, \\nas\share\x", "PATH, PATH"),
        ("v1-videos:http://gpu7.corp:8000/v1#m", "v1-videos:HOST"),
        ("https://bob:pw@github.com/x/y?token=1#z", "https://github.com/x/y"),
        ("HTTPConnectionPool(host='gpu7.example.internal', port=80)", "HTTPConnectionPool(host='HOST', port=80)"),
        ("connect to 10.1.2.3:8000 failed", "connect to HOST failed"),
        ("ask bob.b@example.org", "ask USER"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: SECRET"),
        ("hf_abcdefghijklmnopqrst is no key", "SECRET is no key"),
        ("api_key=0123456789abcdef", "SECRET"),
    ],
)  # fmt: skip
def test_shapes_are_removed_on_any_machine(text, expected):
    assert PLAIN(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "25 fps, 30000/1001, 1/2 and/or n/a at 3 km/h", "64x64, 25 fps, AAC / 16 kHz", "text/html", "-21.7 (1)",
        "outside the embedded domain", "diffusers:Lightricks/LTX-2@0123abc", "hf:my-lab/my-suite@v2",
        "github:OpenMOSS/MOVA@595a976", "https://arxiv.org/abs/2512.13677", "2:30:15 h", "sway=a|b, clips/real/p.0.mp4",
    ],
)  # fmt: skip
def test_what_records_have_stays(text):
    assert PLAIN(text) == text


def test_no_identity_changes():
    page = Path("docs/metrics.md").read_text(encoding="utf-8")
    identities = re.findall(r"`([a-z_0-9]+@\d+/(?:embedded|standard)[^`]+)`", page)
    assert len(identities) > 100
    assert [one for one in identities if PLAIN(one) != one] == []


def test_names_and_values_of_this_machine_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(module.getpass, "getuser", lambda: "alice")
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-7")
    variables = {
        "MY_TOKEN": "s3cr3t", "SECRET_FLAG": "yes", "PROJECT_CODE": "falcon-heavy-9", "SHORT": "standard",
        "MODEL": "my-great-model", "GITHUB_SHA": "0" * 40, "PASSWORD": "a" * 40, "KEYBOARD": "silent",
        "SPEECH_TOKEN": "syncnet",
    }  # fmt: skip
    redact = redaction(
        [tmp_path / "my runs" / "one"], ["my-great-model", "alice"], ["lse_c@1/standard:syncnet[ab]"], variables
    )
    assert redact("Alice's run on GPU-7 (gpu-7.lab.example.org)") == "USER's run on HOST (HOST)"
    assert redact("malice and alice_clips") == "malice and USER_clips"
    assert redact("with s3cr3t of falcon-heavy-9, yes") == "with SECRET of SECRET, yes"
    assert redact("a" * 40) == "SECRET"
    for kept in ("silent", "lse_c@1/standard:syncnet[ab]", "my-great-model", "0" * 40):
        assert redact(kept) == kept
    assert redact(f"-i{tmp_path}/my runs/one/clips/a.mp4") == "-iPATH"


def test_keys_are_redacted_and_counts_of_one_reason_are_added():
    assert PLAIN.of({"no /a/x": 2, "no /b/y": 3, "silent": 1}) == {"no PATH": 5, "silent": 1}
    assert PLAIN.of({"m": [{"note": "at /a/x"}, 1.5, None, True]}) == {"m": [{"note": "at PATH"}, 1.5, None, True]}
    with pytest.raises(BenchError, match="stay apart"):
        PLAIN.of({"/a/x": "one", "/b/y": "two"})
