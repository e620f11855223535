"""What is removed from texts, and what stays."""

import socket

import pytest

from jova_bench.errors import BenchError
from jova_bench.report.hub import redaction as module
from jova_bench.report.hub.redaction import Redaction, redaction

PLAIN = Redaction(metrics=("lse_c",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Errno 2] No such file: '/data/alice smith/clip one.mp4'", "[Errno 2] No such file: 'PATH'"),
        ("'/srv/Bob's Client/a.mp4' is gone", "'PATH' is gone"),
        ("cannot open /mnt/nas/Secret Client/a.mp4: it is gone", "cannot open PATH"),
        ("clips:/home/bob/out/**", "clips:PATH"),
        ("read ~/weights and ~bob/more", "read PATH"),
        ("in ../Secret Client/x", "in PATH"),
        (r"C:\Users\Carol Smith\x", "PATH"),
        (r"at \\nas\share\a b", "at PATH"),
        ("(/srv/a (b) c/x)", "(PATH"),
        ("cc -I/home/carol/inc", "cc -IPATH"),
        ("é/home/carol", "éPATH"),
        ("(a)/opt/b c, -L/opt/carol", "(a)PATH"),
        ("$HOME/Secret Client and ~", "PATH"),
        ("x=%2Fsrv%2Fa b", "x=PATH"),
        ("file:///srv/Secret Client/x, s3://acme/a b", "PATH"),
        ("'s3://acme/a b' is gone", "'PATH' is gone"),
        ("v1-videos:http://gpu7.corp:8000/v1#m", "v1-videos:HOST"),
        ("https://bob:pw@github.com/x/y?token=1#z", "https://github.com/x/y"),
        ("HTTPConnectionPool(host='gpu7.example.internal', port=80)", "HTTPConnectionPool(host='HOST', port=80)"),
        ("connect to 10.1.2.3:8000 failed", "connect to HOST failed"),
        ("from fe80::1ff:fe23:4567:89ab, 2001:db8::1 or ::1", "from HOST, HOST or HOST"),
        ("ask bob.b@example.org or bob@gpu9", "ask USER or USER"),
        ("Authorization: Bearer abcdefgh12345678", "SECRET"),
        ("sent 'authorization': 'Basic YWxhZGRpbjpvcGVu'", "sent 'SECRET"),
        ("Cookie: a=b; c=d", "SECRET"),
        ("AccessKey: abc key=abc pwd=abc 00-1a-2b-3c-4d-5e", "SECRET SECRET SECRET HOST"),
        ("bearer abcdefgh12345678 is no key", "SECRET is no key"),
        ("hf_abcdefghijklmnopqrst is no key", "SECRET is no key"),
        ("api_key=0123456789abcdef, OPENAI_API_KEY=planted", "SECRET, SECRET"),
        ("HF_TOKEN=x1 run --api-key planted1 --seed 1", "SECRET run SECRET --seed 1"),
        ("github_pat_11ABCDEFG0abcdef glpat-aBcDeFgHiJkL1 xoxb-123456789012-ab", "SECRET SECRET SECRET"),
        (f"AIzaSy{'a1B-' * 8} ASIAABCDEFGHIJKLMNOP eyJhbGciOiJI.eyJzdWIi.c2ln", "SECRET SECRET SECRET"),
        ("no c2VjcmV0UGFzc3dvcmQ5OTk4 here", "no SECRET here"),
        (r'got {"error": "{\"token\": \"hunterP3pw\", \"n\": 1}"}', r'got {"error": "{\"SECRET, \"n\": 1}"}'),
        ("token\uff1ahunter2 password: 12345678, db_pwd='1'", "SECRET SECRET, SECRET"),
        ("AccountKey=x;privateKey: y, auth: z", "SECRET;SECRET, SECRET"),
        (r'{\"token\": \"ab\\u0041c\"}', r'{\"SECRET}'),
        ("'api_key': 'plain secret v... (2,222 characters)", "'SECRET"),
        ("login bob:pa$$w0rd@db.example.com", "login USER"),
        ("gpu7.acme.com:443 refused", "HOST refused"),
        ("https://huggingface.co/hf_abcdefghijklmnopqrst/x", "https://huggingface.co/SECRET/x"),
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
        "in plan.py:123, a.mp4:12 [alloc_cpu.cpp:124]",
        "std::bad_alloc", "lse_c@syncnet-a has no value", "60 %/clip", "max_tokens=512", "task-bound, high-quality",
    ],
)  # fmt: skip
def test_what_records_have_stays(text):
    assert PLAIN(text) == text


def test_names_and_values_of_this_machine_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(module.getpass, "getuser", lambda: "alice")
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-7")
    variables = {
        "MY_TOKEN": "s3cr3t", "SECRET_FLAG": "yes", "PROJECT_CODE": "falcon-heavy-9", "SHORT": "standard",
        "MODEL": "my-great-model", "GITHUB_SHA": "0" * 40, "PASSWORD": "a" * 40, "KEYBOARD": "silent",
        "SPEECH_TOKEN": "syncnet", "MOUNTED_KEY": "plain12\n", "MYSQL_PWD": "pw9secret", "TWO": "x\nfirst-of-two-lines",
    }  # fmt: skip
    redact = redaction([str(tmp_path / "my runs" / "one")], ["my-great-model", "alice"], ["lse_c"], variables)
    assert redact("Alice's run on GPU-7 (gpu-7.lab.example.org)") == "USER's run on HOST (HOST)"
    assert redact("malice and alice_clips") == "malice and USER_clips"
    assert redact("with s3cr3t of falcon-heavy-9, yes") == "with SECRET of SECRET, yes"
    assert redact("a" * 40) == "SECRET"
    assert redact("plain12, pw9secret and first-of-two-lines") == "SECRET, SECRET and SECRET"
    assert redact("syncnet, malicious") == "SECRET, malicious"
    for kept in ("silent", "my-great-model", "0" * 40, "real"):
        assert redact(kept) == kept
    assert redact(f"-i{tmp_path}/my runs/one/clips/a b.mp4") == "-iPATH"
    assert redact(f"in {tmp_path}/my runs/one, as asked") == "in PATH, as asked"


def test_keys_are_redacted_and_counts_of_one_reason_are_added():
    assert PLAIN.of({"no /a/x": 2, "no /b/y": 3, "silent": 1}) == {"no PATH": 5, "silent": 1}
    assert PLAIN.of({"m": [{"note": "at /a/x"}, 1.5, None, True]}) == {"m": [{"note": "at PATH"}, 1.5, None, True]}
    with pytest.raises(BenchError, match="stay apart"):
        PLAIN.of({"/a/x": "one", "/b/y": "two"})


def test_settings_whose_names_tell_a_secret_keep_no_text():
    given = {"api_key": "a", "options": [{"auth": {"user": "b"}, "max_tokens": 5, "tokenizer": "t5", "cache": "/a b"}]}
    kept = {"api_key": "SECRET", "options": [{"auth": "SECRET", "max_tokens": 5, "tokenizer": "t5", "cache": "PATH"}]}
    assert PLAIN.settings(given) == kept
    locked = {
        "db_pwd": 12345678,
        "pass": "x",
        "accountKey": "x",
        "bearer": "x",
        "keyframe": "x",
        "passes": 4,
        "monkey": "x",
        "pass_rate": 0.2,
        "encoder_pass": 1,
        "key_frames": "every",
        "author": "x",
    }
    names = ("Authorization", "proxy_authorization", "apikey_prod", "APIKEY_2", "key_id", "api_key_2", "auth")
    assert set(PLAIN.settings(dict.fromkeys(names, "x")).values()) == {"SECRET"}
    assert list(PLAIN.settings(locked).values()) == ["SECRET"] * 4 + ["x", 4, "x", 0.2, 1, "every", "x"]
    tags = ("musical_key", "token_length", "authenticity", "low_pass", "cookies")
    assert set(PLAIN.tags(dict.fromkeys(tags, "x")).values()) == {"x"}
    assert PLAIN.tags({"key": "C minor", "author": "Ann", "api_key": "x", "voice": "/a/b"}) == {
        "key": "C minor", "author": "Ann", "api_key": "SECRET", "voice": "PATH",
    }  # fmt: skip
