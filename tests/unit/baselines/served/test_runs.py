"""Runs of a served model: what it is called, what is recorded of it, and what becomes of a server's faults."""

import pytest

from jova_baselines.served import client
from jova_baselines.served.client import VideoServer
from jova_baselines.served.jobs import Jobs
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from jova_bench.runs.merge import merge
from jova_bench.runs.request import Options
from jova_bench.runs.run import run
from jova_bench.runs.store import read_run
from jova_bench.web.server import NoAnswer
from support.asked import prompt, suite_of
from support.video_server import DROP, KEY, MODEL, NAME, Made, clip, serving

BLOCKED = {"error": {"code": "moderation_blocked", "message": "not that"}}


def test_clips_costs_and_the_identity_are_recorded_and_the_key_is_not(at, made, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # Nothing listens there.
    found = made(price=0.35, currency="USD", steps=8, guidance=4.5, negative_prompt="blur", **{"extra.flow_shift": 5})
    assert [(one.model, one.status, one.reason) for one in found] == [(NAME, "ok", None)] * 2
    assert {(one.generate_s, one.peak_memory_bytes, one.clip_s) for one in found} == {(2.5, 64 * 2**20, 0.5)}
    assert {name: value for name, value in at.created[0].items() if name != "prompt"} == {
        "model": MODEL,
        "size": "32x32",
        "num_frames": "12",
        "fps": "24",
        "num_inference_steps": "8",
        "guidance_scale": "4.5",
        "negative_prompt": "blur",
        "flow_shift": "5",
        "seed": "0",
    }
    manifest = read_run(tmp_path / "run").manifest
    assert manifest.fairness.native_formats[NAME] == ("32x32, 12 frames at 24 fps, 0.50 s",)
    model = manifest.models[NAME]
    stated = {"version_as_the_server_states": "0.30.0", "engine_as_the_server_states": "vllm"}
    assert model.settings.items() >= {**stated, "price_as_the_user_says": 0.35, "currency": "USD"}.items()
    assert model.plans["a"].settings.items() >= {"model": MODEL, "version": "0.30.0", "option flow_shift": 5}.items()
    assert set(at.keys) == {f"Bearer {KEY}"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_a_refusal_stays_and_another_draw_is_another_job(at, made):
    at.once["create"] = [(400, {}, BLOCKED)]
    at.state = lambda number: {"status": "failed", **BLOCKED}
    reason = "by vllm 0.30.0: 'not that'"
    for created in (1, 1):  # One in place of a job, one as the end of a job; the same command asks for neither again.
        assert [(one.status, one.reason) for one in made()] == [("refused", reason)] * 2
        assert len(at.created) == created
    at.state = lambda number: {"status": "completed"}
    assert [(one.status, one.attempt) for one in made(retry=True)] == [("ok", 2)] * 2
    assert len(at.created) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"frames": 15}, "15 frames where the plan says 12"),
        ({"width": 48}, "48x32 where the plan says 32x32"),
        ({"fps": 12}, "12 frames per second where the plan says 24"),
        ({"sound": False}, "no sound where the plan promises it"),
    ],
)
def test_another_format_than_asked_for_is_found(at, made, content, why):
    at.content = lambda fields: clip(**content)
    (found,) = made("a")
    assert (found.status, found.reason, found.answered) == ("failed", why, True)


def test_a_length_in_seconds_is_compared_where_no_frames_are_asked_for(at, made, tmp_path):
    (found,) = made("a", frames=1, fps=2, seconds=2)
    assert found.reason == "12 frames where the plan says 1"
    (tmp_path / "served.toml").write_text(f'[models."{MODEL}"]\nseconds = 2\nsize = "32x32"\npoll_s = 0\n')
    given = Options(out=tmp_path / "other", device="cpu", workers=0, scoring=False)
    run([at.model], suite_of(prompt(id="a")), given)
    assert at.created[-1]["seconds"] == "2"
    found = read_run(tmp_path / "other")
    assert found.samples[0].reason == "0.50 s where the plan says 2.00"
    assert found.manifest.fairness.native_formats[NAME] == ("32x32, 2.00 s",)


def test_a_busy_or_broken_server_is_asked_again_after_as_long_as_it_says(at, made, waits):
    at.once["create"] = [(429, {"Retry-After": "7"}, {}), (429, {}, {})]
    at.once["retrieve"] = [DROP, (500, {}, {})]
    at.once["content"] = [DROP, (200, {"Content-Length": "99999"}, b"half of it")]
    assert [one.status for one in made("a")] == ["ok"]
    assert (waits, len(at.created)) == ([7, 2, 1, 2, 1, 2], 1)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_at_first_is_not_taken_for_one_that_states_nothing(at, made, waits, status):
    at.once["/version"] = [(status, {}, {})] * 6
    with pytest.raises(BenchError, match=f"got status {status}"):
        made("a")
    assert at.asked.count("create") == 0


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"error": {"message": "CUDA out of memory"}, "status": "failed"}, "a job that is 'failed': 'CUDA out of mem"),
        ({"status": "expired"}, "a job that is 'expired'"),
    ],
)
def test_what_the_server_fails_is_no_answer_and_is_made_again(at, made, said, why):
    at.state = lambda number: said
    (found,) = made("a")
    assert (found.status, found.answered) == ("failed", False)
    assert why in found.reason
    at.state = lambda number: {"status": "completed"}
    assert [one.status for one in made("a")] == ["ok"]
    assert len(at.created) == 2


@pytest.mark.parametrize("when", ["create", "retrieve"])
def test_a_server_that_answers_with_another_model_is_paid_for_one_clip(at, made, tmp_path, when):
    if when == "create":
        at.says = "org/talker-2-2026-11-01"
    else:
        at.state = lambda number: {"status": "completed", "model": "org/talker-2-2026-11-01"}
    why = "expected a clip of 'org/talker-2', got one of 'org/talker-2-2026-11-01'; name the model as the server does"
    for _ in range(3):
        a, b, c = made("abc")
        assert (a.answered, b.answered, c.answered) == (False, None, None)
        assert all(one.status == "failed" and why in one.reason for one in (a, b, c))
        assert b.reason.startswith("not asked: ")
        assert at.asked.count("create") == 1
    at.says, at.state = MODEL, lambda number: {"status": "completed"}
    (tmp_path / "run" / "jobs" / NAME / "another-model.json").unlink()
    assert [one.status for one in made("abc")] == ["ok"] * 3
    assert at.asked.count("create") == 3


def test_a_clip_that_comes_too_slowly_or_is_too_long_is_no_clip(at, tmp_path, monkeypatch):
    server = VideoServer(at.url, MODEL, "NO_KEY")
    (job, _), whole = server.create(b'{"seed": 0}', "application/json", "key"), clip(level=50)
    assert server.download(job.id, tmp_path, 60).read_bytes() == whole
    with pytest.raises(NoAnswer, match=r"expected a clip within 1e-09 s, got \d+ bytes of it"):
        server.download(job.id, tmp_path, 1e-9)
    monkeypatch.setattr(client, "LARGEST_CLIP", len(whole))
    assert server.download(job.id, tmp_path, 60).read_bytes() == whole
    at.content = lambda fields: whole + b"\0"  # A clip that can be read, followed by what does not end.
    with pytest.raises(NoAnswer, match=f"expected a clip of at most {len(whole)} bytes, got more"):
        server.download(job.id, tmp_path, 60)


def test_a_job_that_is_blocked_without_another_word_is_a_refusal(at, made):
    at.state = lambda number: {"status": "blocked"}
    (found,) = made("a")
    assert (found.status, found.reason) == ("refused", "by vllm 0.30.0: 'blocked'")


def test_half_a_character_in_what_a_server_says_loses_no_answer(at, made):
    said = {"message": "bad \ud800 thing", "\udc00": ["\\ud800 \ud83d\ude00"]}
    at.state = lambda number: {"status": "failed", "error": {**said, "code": "content_policy_violation"}}
    (found,) = made("a")
    assert (found.status, found.reason) == ("refused", "by vllm 0.30.0: 'bad \ufffd thing'")
    at.state = lambda number: {"status": "failed", "error": said}
    assert [one.reason.rpartition(": ")[2] for one in made("b", out="other")] == ["'bad \ufffd thing'"]
    at.state = lambda number: {"status": "completed"}
    assert [(one.status, len(at.created)) for one in made("b", out="other")] == [("ok", 3)]  # The failed job was over.
    at.once["create"] = [(400, {}, {"error": {"code": "content_policy_violation", "message": "\udc00"}})]
    assert [one.status for one in made("d", out="fourth")] == ["refused"]
    at.once["create"] = [Made((200, {}, {"id": "\ud800", "status": "queued"}))]
    (found,) = made("c", out="third")  # By such an id no job can be asked for.
    assert "expected a job with id and status, got " in found.reason


def test_what_a_server_does_not_state_is_not_made_up(at, made):
    at.listed = at.version = None
    assert [one.model for one in made("a")] == ["talker-2-via-127.0.0.1"]
    assert [one.model for one in made("a", engine="vllm-omni 0.30.0")][1:] == ["talker-2-via-vllm-omni-0.30.0"]


def test_two_models_of_one_last_name_are_told_apart_by_their_engine(at, made, tmp_path):
    other = MODEL.replace("org/", "guild/")
    at.listed.append({"id": other, "owned_by": "vllm"})
    made("a")
    table, suite = tmp_path / "served.toml", suite_of(prompt(id="a"))
    whole = table.read_text()
    table.write_text(f'{whole}\n[models."{other}"]\n')
    second = at.model.replace(MODEL, other)
    options = Options(out=tmp_path / "run", device="cpu", workers=0, scoring=False)
    with pytest.raises(BenchError, match=r"twice; rename one, .* or give it another `engine`"):
        run([at.model, second], suite, options)
    with pytest.raises(BenchError, match=r"of another version of .*; another `engine` in its table is another row"):
        run([second], suite, options)
    at.says = ""
    table.write_text(f'{whole}\n[models."{other}"]\nengine = "guild 1"\n')
    run([at.model, second], suite, options)
    assert [one.model for one in read_run(tmp_path / "run").samples] == [NAME, "talker-2-via-guild-1"]


def test_a_server_of_another_model_is_refused(at):
    at.listed = [{"id": "org/other"}]
    with pytest.raises(BenchError, match=r"expected the model 'org/talker-2', got a server of 'org/other'; name"):
        create_model(at.model, "cpu")


def test_a_refusal_whose_job_was_not_dropped_before_a_kill_is_no_second_draw(at, made, monkeypatch):
    at.state = lambda number: {"status": "blocked"}
    with monkeypatch.context() as killed:
        killed.setattr(Jobs, "forget", lambda *of: None)
        made("a")
    at.state = lambda number: {"status": "blocked" if number == 0 else "completed"}
    assert [(one.status, one.attempt, len(at.created)) for one in made("a", retry=True)] == [("ok", 2, 2)]


def test_a_job_that_a_second_draw_made_is_waited_for_though_the_first_is_answered(at, made):
    at.state = lambda number: {"status": "blocked"}
    made("a")
    at.state = lambda number: {"status": "queued"}
    for _ in range(2):
        made("a", retry=True, timeout_s=1e-9)
    at.state = lambda number: {"status": "completed"}
    assert [(one.status, len(at.created)) for one in made("a", retry=True)] == [("ok", 2)]


def test_answers_that_repeat_the_request_with_its_files_are_read(at, made, monkeypatch):
    repeated = {"input": "A" * (2 << 20)}
    at.state = lambda number: {"status": "completed", **repeated}
    with monkeypatch.context() as short:
        short.setattr(VideoServer, "largest_bytes", 1 << 10)
        (found,) = made("a")
    assert found.reason.endswith("expected an answer of at most 1024 bytes, got more")
    assert [(one.status, len(at.created)) for one in made("a")] == [("ok", 1)]
    at.once["create"] = [(400, {}, {"detail": [{"type": "content_policy_violation", **repeated}]})]
    assert [one.status for one in made("a", out="other")] == ["refused"]


def test_a_key_in_place_of_the_name_of_its_variable_is_shown_nowhere(at, made, tmp_path):
    with pytest.raises(BenchError, match=r"names, got none of that name; export it, and name it, not the key") as error:
        made("a", key_variable="sk_live_51abcdef")
    assert "sk_live" not in str(error.value)
    assert (at.asked, (tmp_path / "run").exists()) == ([], False)


def test_a_file_where_jobs_are_to_be_kept_ends_the_command_before_anything_is_asked_for(at, made, tmp_path):
    (tmp_path / "run" / "jobs").mkdir(parents=True)
    (tmp_path / "run" / "jobs" / NAME).touch()
    with pytest.raises(BenchError, match=r"expected a folder that can be written, got .*: Not a directory"):
        made("a")
    assert at.asked.count("create") == 0


def test_a_part_that_goes_on_is_merged_again_and_a_folder_states_all_its_servers(at, made, tmp_path):
    part, merged = tmp_path / "run", tmp_path / "all"
    at.once["create"] = [Made((502, {}, {}))]
    made("ab")
    assert (merge(merged, [part]), merge(merged, [part])) == (2, 0)
    assert [one.status for one in made("ab")] == ["ok", "ok"]
    assert (merge(merged, [part]), merge(merged, [part])) == (1, 0)
    assert [one.status for one in read_run(merged).samples] == ["ok", "ok"]
    assert read_run(merged).manifest.models[NAME].settings["server"] == at.url
    with serving() as second:
        given = Options(out=merged, device="cpu", workers=0, scoring=False, seeds=(1,))
        run([second.model], suite_of(*(prompt(id=one) for one in "ab")), given)
        assert len(second.created) == 2
        assert read_run(merged).manifest.models[NAME].settings["server"] == sorted([at.url, second.url])
    assert merge(merged, [part]) == 0
    assert read_run(merged).manifest.models[NAME].settings["server"] == sorted([at.url, second.url])
