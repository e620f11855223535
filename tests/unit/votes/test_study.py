"""A study tells no model, deals every pair once, reads its answers back, and is served with secrets, append-only."""

import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from random import Random
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from jova_bench.cli import main
from jova_bench.errors import BenchError
from jova_bench.keys import SampleKey
from jova_bench.media import files as media
from jova_bench.report.vote.pairs import Pairs, booklets
from jova_bench.report.vote.site import write_vote
from jova_bench.votes.reading import read_votes
from jova_bench.votes.serve import admit, server
from jova_bench.votes.study import Asked, read_ask, read_key
from support.studies import MODELS, PROMPTS, voted_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return voted_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def study(run, tmp_path_factory):
    return write_vote(run, tmp_path_factory.mktemp("made") / "study", workers=0)


def page(study):
    text = (study / "pages" / "index.html").read_text()
    return text, json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_nothing_that_raters_get_tells_the_model(run, study):
    text, data = page(study)
    key = read_key(study)
    clips = {path.stem: path for path in (study / "pages" / "clips").iterdir()}
    assert clips.keys() == key.clips.keys()
    assert {one.model for one in key.clips.values()} == set(MODELS)
    for word in (*MODELS, "p00", "p01", "p02", "made", "check", "key"):
        assert word not in text.partition('id="data">')[2], word
    for prompt in ("p00", "p01", "p02"):
        files = [clips[number] for number, one in key.clips.items() if one.prompt_id == prompt]
        assert len({path.stat().st_size for path in files}) == 1
        sources = [run / "clips" / f"{model}-{prompt}.mp4" for model in MODELS]
        assert len({path.stat().st_size for path in sources}) > 1
    assert len({path.stat().st_mtime for path in clips.values()}) == 1
    names = [model.encode() for model in MODELS]
    assert not any(name in path.read_bytes() for path in clips.values() for name in names)
    # Numbers are sorted within a pair, so that the page's order says nothing of who is who.
    for booklet in data["booklets"]:
        assert all(one["clips"] == sorted(one["clips"]) for one in booklet)
    assert data["booklets"][0][0]["text"] == {"says": "say <b>red</b>", "shows": "v", "sounds": "a"}
    assert "<b>red" not in text  # Escaped where it stands.


def test_clips_are_what_they_were(run, study):
    for number, one in read_key(study).clips.items():
        before = media.read(run / "clips" / f"{one.model}-{one.prompt_id}.mp4")
        after = media.read(study / "pages" / "clips" / f"{number}.mp4")
        assert after.frames.shape == before.frames.shape
        assert np.abs(after.frames.astype(int) - before.frames).mean() < 2
        assert np.array_equal(after.audio, before.audio)


def test_every_pair_is_dealt_once_with_checks_among_them(study):
    _, data = page(study)
    key = read_key(study)
    sides = [{key.clips[one].model for one in pair["clips"]} for booklet in data["booklets"] for pair in booklet]
    assert sides.count({"ovi", "jova"}) == PROMPTS
    checks = [one for one in sides if "real" in one]
    assert len(checks) == 3 * key.booklets
    assert all(one in ({"real", "still"}, {"real", "shuffled"}) for one in checks)
    many = [(SampleKey("a", f"p{k}", 0), SampleKey("b", f"p{k}", 0)) for k in range(50)]
    few = [(SampleKey("real", f"p{k}", 0), SampleKey("still", f"p{k}", 0)) for k in range(2)]
    dealt = booklets(Pairs(tuple(many), tuple(few)), read_ask(None), Random(0))
    assert sorted(len(one) for one in dealt) == [27, 27]  # 25 pairs each; there are two checks.
    assert sorted(pair for one in dealt for pair in one if pair not in few) == sorted(many)
    places = [one.index(check) for one in dealt for check in few]
    assert min(places) < 10 < max(places)


def given(study, left, right, answer, question="sync", rater="ann", prompt="p00"):
    key = read_key(study)
    number = {(one.model, one.prompt_id): number for number, one in key.clips.items()}
    return {
        "study": key.study, "rater": rater, "question": question, "left": number[left, prompt],
        "right": number[right, prompt], "answer": answer, "seconds": 3.5,
    }  # fmt: skip


def test_answers_are_read_with_the_key(study, tmp_path):
    lines = [
        given(study, "ovi", "jova", "left"),
        given(study, "still", "real", "left", "picture"),
        given(study, "still", "real", "right", "speech"),  # No right answer: neither vote nor check.
        given(study, "real", "shuffled", "same"),
    ]
    path = study / "answers" / "ann.jsonl"
    try:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        votes = read_votes([study])
        assert [(one.left, one.right, one.answer, one.expected, one.seed) for one in votes] == [
            ("ovi", "jova", "left", None, 0),
            ("still", "real", "left", "right", 0),
            ("real", "shuffled", "same", "left", 0),
        ]
        path.write_text(json.dumps(lines[0] | {"study": "another"}) + "\n")
        with pytest.raises(BenchError, match=r"ann.jsonl:1: expected an answer to the study \w+, got one to another"):
            read_votes([study])
    finally:
        path.unlink()
    with pytest.raises(BenchError, match=r"expected the folder of a study, .* which has no key.json"):
        read_votes([tmp_path])


@contextmanager
def served(study, names):
    raters = admit(study, names)
    with server(study, raters, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield serving.server_address[1], {name: one.token for name, one in raters.raters.items()}
        finally:
            serving.shutdown()
            thread.join()


def status(request):
    try:
        with urlopen(request) as response:
            return response.status
    except HTTPError as error:
        with error:
            return error.code


def test_the_server_gives_raters_their_pages_and_others_none(study):
    with served(study, ["ann", "ben"]) as (port, tokens):
        url = f"http://127.0.0.1:{port}"
        for name, booklet in (("ann", 0), ("ben", 1 % read_key(study).booklets)):
            with urlopen(f"{url}/{tokens[name]}/") as response:
                assert f'data-rater="{name}" data-booklet="{booklet}"' in response.read().decode()
        number = next(iter(read_key(study).clips))
        whole = (study / "pages" / "clips" / f"{number}.mp4").read_bytes()
        clip = f"{url}/{tokens['ann']}/clips/{number}.mp4"
        with urlopen(Request(clip, headers={"Range": "bytes=10-19"})) as response:
            assert (response.status, response.read()) == (206, whole[10:20])
            assert response.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        with urlopen(clip) as response:
            assert response.read() == whole
        for path in ("", "/", "/wrong/", f"/wrong/clips/{number}.mp4", "/key.json"):
            assert status(f"{url}{path}") == 403
        for path in ("key.json", "../key.json", "clips/../../key.json", "raters.json", "clips/", "answers"):
            connection = HTTPConnection("127.0.0.1", port)  # urlopen would tidy the path.
            connection.request("GET", f"/{tokens['ann']}/{path}")
            assert connection.getresponse().status == 404
            connection.close()
        assert status(Request(f"{url}/{tokens['ann']}/", headers={"Host": "evil.example"})) == 403
    with served(study, ["cem"]) as (_, later):
        assert {name: later[name] for name in tokens} == tokens  # Addresses stay.


def test_the_server_appends_answers_and_replaces_none(study):
    path = study / "answers" / "dora.jsonl"
    one, two = (
        given(study, "ovi", "jova", answer, rater="dora", prompt=p) for answer, p in (("left", "p00"), ("same", "p01"))
    )

    def post(port, token, *lines, body=None):
        text = "".join(json.dumps(line) + "\n" for line in lines) if body is None else body
        return status(Request(f"http://127.0.0.1:{port}/{token}/answers", text.encode(), method="POST"))

    with served(study, ["dora"]) as (port, tokens):
        token = tokens["dora"]
        assert post(port, token, one) == 204
        assert post(port, token, one, two) == 204  # What is known is not written again.
        assert post(port, token, two | {"answer": "left"}) == 200  # The first answer stays.
        assert post(port, token, given(study, "ovi", "jova", "left", rater="ann", prompt="p02")) == 400
        assert (
            post(port, token, one | {"left": "0"})
            == post(port, token, body="{")
            == post(port, token, body="\udcff".encode("utf-8", "surrogateescape").decode("latin-1"))
            == 400
        )
        assert post(port, token, body=" " * (1 << 17)) == 413
        assert post(port, "wrong", one) == 403
        threads = [
            threading.Thread(target=post, args=(port, token, given(study, "ovi", "jova", "right", "speech", "dora")))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    kept = path.read_text()
    assert [json.loads(line)["answer"] for line in kept.splitlines()] == ["left", "same", "right"]
    path.write_text(kept + '{"study": "x')  # A writer that was killed.
    with served(study, []) as (port, tokens):
        assert path.read_text() == kept
        assert post(port, tokens["dora"], one | {"answer": "right"}) == 200  # After a restart, too.
        assert path.read_text() == kept
    assert len(read_votes([study])) == 3
    path.unlink()


def test_bad_input_is_one_line(run, study, tmp_path, capsys):
    for words, said in (
        (["report", str(run), "--vote", str(study)], "expected a new folder"),
        (["report", str(run), "--vote", str(tmp_path / "x"), "--html"], None),
        (["report", str(run), "--vote", "--format", "md"], "expected --vote alone or with --questions, got --format"),
        (["report", str(run), "--questions", "q.toml"], "expected --vote with --questions"),
        (["votes", "serve", str(tmp_path)], "which has no key.json"),
        (["votes", "serve", str(study), "--rater", "a b"], "--rater: raters"),
        (["votes", "serve", str(study), "--rater", "ann", "--port", "99999"], "expected a free port, got 99999"),
    ):
        if said is None:
            continue
        assert main(words) == 2, words
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    questions = tmp_path / "q.toml"
    for text, said in (
        ('questions = [{id = "a", text = "?"}, {id = "a", text = "?"}]', "q.toml: questions: expected different ids"),
        ("pairs = 0\nquestions = []", "q.toml: pairs:"),
        ('models = ["nobody", "ovi"]\nquestions = [{id = "a", text = "?"}]', "got 'nobody'"),
        (
            'models = ["ovi", "real", "still"]\nquestions = [{id = "a", text = "?"}]',
            "got real and still, which are an attention",
        ),
        ('models = ["ovi"]\nquestions = [{id = "a", text = "?"}]', "expected a run with clips of two models"),
    ):
        questions.write_text(text)
        assert main(["report", str(run), "--vote", str(tmp_path / "new"), "--questions", str(questions)]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "new").exists()


def test_questions_of_a_file_are_asked(run, tmp_path, capsys):
    questions = tmp_path / "q.toml"
    questions.write_text('models = ["ovi", "real"]\nchecks = 0\nquestions = [{id = "lips", text = "Which lips?"}]\n')
    assert main(["report", str(run), "--vote", str(tmp_path / "new"), "--questions", str(questions)]) == 0
    out = capsys.readouterr()
    assert out.out == f"{tmp_path / 'new'}\n"
    key = read_key(tmp_path / "new")
    assert key.questions == (Asked(id="lips", text="Which lips?"),)
    assert {one.model for one in key.clips.values()} == {"ovi", "real"}


def test_a_clip_that_cannot_be_shown_is_left_out(run, tmp_path, capsys):
    broken = run / "clips" / "ovi-p00.mp4"
    whole = broken.read_bytes()
    broken.write_bytes(b"no clip")
    try:
        assert main(["report", str(run), "--vote", str(tmp_path / "new")]) == 0
    finally:
        broken.write_bytes(whole)
    assert "left out: ovi, p00, 0: cannot decode ovi-p00.mp4" in capsys.readouterr().err
    key = read_key(tmp_path / "new")
    _, data = page(tmp_path / "new")
    shown = [{key.clips[one].prompt_id for one in pair["clips"]} for pair in data["booklets"][0]]
    models = [{key.clips[one].model for one in pair["clips"]} for pair in data["booklets"][0]]
    assert [prompt for prompt, of in zip(shown, models, strict=True) if of == {"ovi", "jova"}].count({"p00"}) == 0
    assert models.count({"ovi", "jova"}) == PROMPTS - 1
