"""What a request says in both encodings, with files of the prompt; and mistakes in an address or the user's table."""

import base64
import json
from pathlib import Path

import av
import numpy as np
import pytest

from jova_baselines.external.inputs import model_input
from jova_baselines.served.client import Stated, VideoServer
from jova_baselines.served.generator import ServedModel
from jova_baselines.served.options import ServedOptions, options_of
from jova_baselines.served.protocol import is_same_job, read_job, says_gone
from jova_bench.errors import BenchError
from jova_bench.models.registry import create_model
from support.asked import prompt, suite_of
from support.clips import write_noise
from support.video_server import MODEL, serving


@pytest.fixture
def asked(tmp_path):
    """Returns a function that asks for the clip of a prompt with an image and audio, and returns the request."""
    with av.open(str(tmp_path / "face.png"), "w", format="image2") as out:
        stream = out.add_stream("png")
        stream.width, stream.height, stream.pix_fmt = 8, 6, "rgb24"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((6, 8, 3), 7, np.uint8), format="rgb24")))
    write_noise(tmp_path / "voice.wav")
    suite = suite_of(prompt(id="a", image="face.png", audio="voice.wav"), folder=tmp_path)

    def request(**options):
        with serving() as at:
            server = VideoServer(at.url, MODEL, "NO_KEY")
            model = ServedModel(server, ServedOptions(poll_s=0, **options), Stated("vllm", None))
            plan = model.plan(suite.prompts[0], suite)
            (found,) = model.generate(suite.prompts, 3, suite)
            assert not isinstance(found, Exception), found
            return at.created[0], plan, found

    return request


def wav(reference):
    kind, _, content = reference["audio_url"].partition(",")
    assert kind == "data:audio/wav;base64"
    return base64.b64decode(content)


def test_a_form_has_the_image_as_a_file_and_the_audio_as_vllm_omni_takes_it(asked):
    found, plan, made = asked(sound="driving")
    assert found["input_reference"].startswith(b"\x89PNG")
    assert wav(json.loads(found["audio_reference"])).startswith(b"RIFF")
    assert (plan.audio, plan.sample_rate_hz, made.timing) == ("driving", 16_000, "free")
    assert plan.settings.items() >= {"image": "prompt", "audio": "prompt"}.items()


def test_json_has_both_as_data_and_numbers_as_numbers(asked):
    found, _, _ = asked(encoding="json", steps=4, extra={"generate_audio": True})
    assert found["input_reference"]["image_url"].startswith("data:image/png;base64,iVBOR")
    assert wav(found["audio_reference"]).startswith(b"RIFF")
    assert (found["num_inference_steps"], found["generate_audio"], found["seed"]) == (4, True, 3)


def test_what_a_model_does_not_take_is_not_sent_and_another_request_is_another_plan(asked):
    found, plan, _ = asked(image="ignored", audio="ignored", renderer="words")
    assert found == {"model": MODEL, "prompt": "hello", "seed": "3"}
    assert plan != asked(image="ignored", audio="optional", renderer="words")[1]


def test_a_prompt_with_a_part_that_is_refused_is_not_sent(tmp_path):
    with pytest.raises(BenchError, match="expected a prompt without audio, got 'a' with it"):
        model_input(prompt(id="a", audio="a.wav"), suite_of(folder=tmp_path), ServedOptions(audio="refused").consumes)


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ({"detail": "Video not found"}, True),
        ({"error": {"message": "Video with id 'v-7' not found.", "type": "invalid_request_error"}}, True),
        ({"error": {"message": "v-7 has expired", "code": 410}}, True),
        ({"object": "error", "message": "No such job", "type": "NotFoundError"}, True),
        ({"error": "unknown task"}, True),
        ({"error": {"message": "no", "code": "video_not_found"}}, True),
        ({"error": {"message": "Could not do it", "type": "JobNotFoundError"}}, True),
        ({"detail": "Job v-7 does not exist"}, True),
        ({"detail": "Video v-7 has been deleted."}, True),
        ({"message": "No video with id v-7 found"}, True),
        ({"detail": "Video v-70 not found"}, False),
        ({"detail": "Video generation service not found"}, False),
        ({"message": "no healthy upstream for video cluster"}, False),
        ({"error": {"message": "Project for job not found: API key invalid"}}, False),
        ({"detail": "Video v-7 content has not been generated yet"}, False),
        ({"message": "The video service is not found in this namespace"}, False),
        ({"error": {"message": "The generation backend was not found"}}, False),
        ({"error": "video-worker gone away"}, False),
        ({"message": "Job queue not available yet"}, False),
        ({"detail": "Video not ready"}, False),
        ({"error": "Job v-7 belongs to another region"}, False),
        ({"error": "Task server starting"}, False),
        ({"error": {"message": "The model does not exist", "type": "NotFoundError", "code": 404}}, False),
        ({"detail": "Not Found"}, False),
        ({"error": {"message": "Not Found", "type": "Not Found", "code": 404}}, False),
        ({"error": {"message": "Invalid URL (GET /v1/videos/v-7)"}}, False),
        ({"message": "no Route matched with those values"}, False),
        ({"error": {"message": "the model talker-2 of this video was not found"}}, False),
        ({"timestamp": 1, "status": 404, "error": "Not Found", "path": "/v1/videos/v-7"}, False),
        ({"success": False, "errors": [{"code": 7000}]}, False),
        ({"detail": [{"msg": "video"}]}, False),
        ("Video not found", False),
        (None, False),
    ],
)
def test_a_job_that_is_gone_is_told_from_a_path_that_is_not_there(said, gone):
    assert says_gone(said, "v-7") == gone


def of_litellm(provider, model, job):
    plain = f"litellm:custom_llm_provider:{provider};model_id:{model};video_id:{job}"
    return f"video_{base64.b64encode(plain.encode()).decode()}"


def test_ids_of_one_job_are_told_from_those_of_two():
    assert is_same_job("job-0", "job-0")
    assert is_same_job(of_litellm("gemini", "veo-3", "a/b;c"), of_litellm("gemini", "", "a/b;c"))
    assert not is_same_job(of_litellm("gemini", "veo-3", "a"), of_litellm("gemini", "", "b"))
    assert not is_same_job(of_litellm("gemini", "veo-3", "a"), of_litellm("runwayml", "", "a"))
    assert not any(is_same_job("job-0", other) for other in ("job-7", "JOB-0", "video_job-0", "é"))


@pytest.mark.parametrize("answer", [None, [], {"status": "queued"}, {"id": "a"}, {"id": "", "status": "queued"}])
def test_what_is_no_job_is_none(answer):
    assert read_job(answer) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("done", "completed complete succeeded success done finished COMPLETED"),
        ("failed", "failed failure fail error cancelled canceled expired timeout timed_out Timed-Out rejected aborted"),
        ("refused", "blocked refused declined Content-Filtered NSFW safety_filtered blocked_by_policy moderated"),
        ("waiting", "queued in_progress processing running pending anything"),
    ],
)
def test_words_for_an_end_are_told_from_all_others(status, words):
    assert {word: read_job({"id": "a", "status": word}).status for word in words.split()} == dict.fromkeys(
        words.split(), status
    )


@pytest.mark.parametrize("number", ["1e400", "1e290", "5e-324", "NaN", "-Infinity", "-1", '"12"', "true", "null"])
def test_a_measure_that_is_none_loses_no_clip(number, tmp_path):
    with serving() as at:
        said = f'{{"id": "job-0", "status": "completed", "peak_memory_mb": {number}, "inference_time_s": 2}}'
        at.once["retrieve"] = [(200, {}, said.encode())]
        job = VideoServer(at.url, MODEL, "NO_KEY").retrieve("job-0")
    assert (job.status, job.seconds, job.peak_memory_bytes) == ("done", 2, None)


def test_memory_and_time_that_are_not_stated_are_none():
    for seconds in ("1", 0.0, 1e308, 3e6):
        job = read_job({"id": 7, "status": "Succeeded", "peak_memory_mb": 0.0, "inference_time_s": seconds})
        assert (job.id, job.status, job.seconds, job.peak_memory_bytes) == ("7", "done", None, None)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("http://127.0.0.1:9", "expected v1-videos:URL#MODEL"),
        ("#m", "expected v1-videos:URL#MODEL"),
        ("ftp://h#m", "expected the address of a server"),
        ("http://name:word@h#m", "without a name, a password or a query; the key goes into JOVA_BENCH_VIDEOS_KEY"),
        ("http://127.0.0.1:9#m", "m at 127.0.0.1: expected an answer, got none"),
    ],
)
def test_an_address_that_does_not_fit_is_one_line(address, what):
    with pytest.raises(BenchError, match=what) as error:
        create_model(f"v1-videos:{address}", "cpu")
    assert "word" not in str(error.value).replace("password", "")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[models.m]\nsteps = 4\n[models.n]", None),
        ("[models.n]", r"expected a section \[models.'m'\] in the file of JOVA_BENCH_SERVED"),
        ("[models.m]\nstep = 4", "models.m.step: unknown field"),
        ("[models.m]\nprice = 1", "expected price and currency, or neither"),
        ('[models.m]\nprice = 1\ncurrency = "<b>"', "models.m.currency"),
        ('[models.m]\nsize = "720p"', "models.m.size"),
        ("[models.m.extra]\nseed = 4", "expected fields of `extra` that have no option of their own, got 'seed'"),
        ("[models.m]\npoll_s = 1e300", "models.m.poll_s"),
        ("models", "expected TOML"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(tmp_path, monkeypatch, text, what):
    (tmp_path / "t.toml").write_text(text)
    monkeypatch.setenv("JOVA_BENCH_SERVED", str(tmp_path / "t.toml"))
    if what is None:
        assert options_of("m").sent == {"num_inference_steps": 4}
        return
    with pytest.raises(BenchError, match=what):
        options_of("m")


def test_the_table_of_the_page_fits(tmp_path, monkeypatch):
    page = (Path(__file__).parents[4] / "docs" / "served.md").read_text()
    (tmp_path / "t.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    monkeypatch.setenv("JOVA_BENCH_SERVED", str(tmp_path / "t.toml"))
    assert options_of("MiniMaxAI/MiniMax-H3").sent["extra_params"] == {"task": "t2va"}
    assert options_of("vendor/talker").price == 0.4


def test_listings_know_the_kind(monkeypatch):
    assert create_model("v1-videos", "cpu").check().startswith("names no server; run it as v1-videos:URL#MODEL")
    monkeypatch.setenv("JOVA_BENCH_SERVED", "/nowhere.toml")
    assert "/nowhere.toml" in create_model("v1-videos", "cpu").check()
