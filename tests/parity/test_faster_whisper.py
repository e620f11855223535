"""Whisper in CTranslate2: what is asked of the package, and a random network that it draws texts with."""

import hashlib
import sys
from types import ModuleType, SimpleNamespace

import pytest

from jova_bench.assets import table as assets
from jova_bench.cache import NoCache
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks.network_cache import release_networks
from support import ctranslate2_files
from support.asked import prompt
from support.clips import audio_clip
from support.upstream import fake, own_table

SOUND = 0.1 * fake((40_000,), "whisper sound").numpy()


@pytest.fixture
def faster(tmp_path, monkeypatch):
    """Stand-ins for faster-whisper and CTranslate2 that note what they are asked."""
    noted = SimpleNamespace(loaded=[], seeds=[], generated=[], asked=[])

    class Net:
        def __init__(self, folder, **options):
            noted.loaded.append((folder, options))
            self.number = len(noted.loaded)

        def encode(self):
            return self.number

        def generate(self, **options):
            noted.generated.append((self.number, options))

    class WhisperModel:
        def __init__(self, folder, cpu_threads, **options):
            assert cpu_threads >= 1
            self.model = Net(folder, **options)

        def transcribe(self, audio, language):
            noted.asked.append((len(audio), language))

            def segments():  # Nothing is heard before it is asked for.
                self.model.encode()
                for temperature in (None, 0.2, 0.4):
                    drawn = {} if temperature is None else {"sampling_temperature": temperature}
                    self.model.generate(beam_size=5, **drawn)
                yield SimpleNamespace(seek=0, end=2.5, text=" hello there")

            return segments(), None

    modules = {name: ModuleType(name) for name in ("faster_whisper", "ctranslate2")}
    modules["faster_whisper"].WhisperModel = WhisperModel
    modules["ctranslate2"].set_random_seed = noted.seeds.append
    modules["ctranslate2"].models = SimpleNamespace(Whisper=Net)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("jova_bench.metrics.speech.recognition.find_spec", lambda name: name == "faster_whisper")
    noted.files = {}
    for part in ("", "-config", "-tokenizer", "-vocabulary"):
        noted.files[f"faster-whisper-base{part}"] = tmp_path / f"file{part}"
        (tmp_path / f"file{part}").write_text(part)
    monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, noted.files))
    release_networks()  # That of the test before has the same digests.
    return noted


def test_faster_whisper_has_an_identity_of_its_own_and_hears_with_its_defaults(faster, tmp_path):
    (metric,) = build(["wer@faster-whisper-base"], "standard", MetricContext(NoCache()))
    assert metric.check() is None
    digest = hashlib.sha256(b"").hexdigest()[:12]
    identity = f"wer@2/standard:whisper-base/faster-whisper[{digest}]{{decoding=faster-whisper,files="
    assert metric.spec.identity.startswith(identity)
    names = [f"{name}@faster-whisper-base" for name in ("wer", "cer", "wer_new")]
    built = build([*names, "wer@whisper-base"], "standard", MetricContext(NoCache()))
    assert len({one.spec.identity for one in built}) == 4
    assert metric.score(audio_clip(SOUND), prompt("hello world"), None).value == 0.5
    assert faster.asked == [(40_000, "en")]
    assert {folder for folder, _ in faster.loaded} == {str(tmp_path)}
    assert faster.loaded[0][1] == {"device": "cpu", "device_index": 0, "compute_type": "float32"}


def test_a_clip_that_is_drawn_is_drawn_by_a_network_of_its_own_seed(faster):
    """CTranslate2 seeds a thread once: a network that was asked before would draw other numbers."""
    (metric,) = build(["wer@faster-whisper-base"], "standard", MetricContext(NoCache()))
    for sound in (SOUND, 2 * SOUND, SOUND):
        metric.score(audio_clip(sound), prompt("hello world"), None)
    assert [number for number, _ in faster.generated] == [1, 2, 2, 1, 3, 3, 1, 4, 4]
    first, second, third = faster.seeds
    assert first == third != second


def test_a_folder_of_faster_whisper_is_one_folder_and_whole(faster, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    moved = faster.files["faster-whisper-base-config"].rename(tmp_path / "elsewhere" / "config.json")
    monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, faster.files | {"faster-whisper-base-config": moved}))
    (metric,) = build(["wer@faster-whisper-base"], "standard", MetricContext(NoCache()))
    outcome = metric.score(audio_clip(SOUND), prompt("hello world"), None)
    assert outcome.status == "failed"
    assert outcome.reason.startswith("weights unreadable: expected all files of a model in one folder, got ")
    moved.unlink()
    assert metric.check() == f"weights missing: {moved}"


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    """A random network, which is never sure, so that every text is drawn."""
    files = ctranslate2_files.write(tmp_path)
    named = {f"faster-whisper-base{part}": file for part, file in files.items()}
    monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, named))
    (metric,) = build(["wer@faster-whisper-base"], "standard", MetricContext(NoCache()))
    return metric


def test_what_ctranslate2_draws_depends_on_the_clip_alone(drawing):
    first, other = audio_clip(SOUND), audio_clip(2 * SOUND)
    heard = drawing.heard(first, "en")
    assert heard.strip()
    assert drawing.heard(other, "en") != heard
    assert drawing.heard(first, "en") == heard
    release_networks()  # Nor on whether it was loaded before.
    assert drawing.heard(first, "en") == heard
    assert drawing.score(first, prompt("hello world"), None).value >= 0


def test_a_file_that_is_no_network_is_a_failure_that_names_its_folder(drawing, tmp_path, monkeypatch):
    (tmp_path / "model.bin").write_bytes(b"no network")
    named = {f"faster-whisper-base{part}": tmp_path / name for part, name in ctranslate2_files.PARTS.items()}
    monkeypatch.setenv(assets.TABLE_VARIABLE, own_table(tmp_path, named))
    (metric,) = build(["wer@faster-whisper-base"], "standard", MetricContext(NoCache()))
    outcome = metric.score(audio_clip(SOUND), prompt("hello world"), None)
    assert outcome.status == "failed"
    assert outcome.reason.startswith(f"weights unreadable: {tmp_path}: ")
