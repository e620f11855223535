"""What metrics cache by: records that name the weights, so that other weights never find what these computed."""

from dataclasses import replace

import pytest

from jova_bench.cache import CacheKey, NoCache
from jova_bench.media import files as media
from jova_bench.metrics.base import MetricContext
from jova_bench.metrics.build import build
from jova_bench.metrics.networks import shipped_weights
from jova_bench.suites.loading import load_suite


class Recording(NoCache):
    """Computes every time, and knows by what it was asked."""

    def __init__(self):
        self.keys = []

    def get(self, digest, extractor, compute):
        self.keys.append(extractor)
        return compute()


@pytest.fixture(scope="module")
def spoken():
    suite = load_suite("embedded")
    prompt = next(prompt for prompt in suite.prompts if prompt.reference)
    return prompt, replace(media.read(suite.path(prompt.reference)), in_domain=True)


def test_the_string_form_is_what_caches_store_by():
    assert str(CacheKey("net")) == "net"
    assert str(CacheKey("net", 2, "abc", {"b": 1, "a": "x"})) == "net@2[abc] {a=x,b=1}"
    # The order in which parameters are written down changes nothing.
    assert str(CacheKey("net", params={"a": 1, "b": 2})) == str(CacheKey("net", params={"b": 2, "a": 1}))


@pytest.mark.parametrize("name", [
    "lse_c", "mouth_audio_corr", "fvd", "fad", "prompt_hair", "prompt_voice", "wer", "dnsmos",
])  # fmt: skip
def test_every_key_names_the_weights(name, spoken):
    prompt, clip = spoken
    cache = Recording()
    for metric in build([name], "embedded", MetricContext(cache)):
        if metric.check() is not None:
            pytest.skip(str(metric.check()))
        if metric.spec.level == "clip":
            assert metric.score(clip, prompt).status == "ok"
        else:
            metric.features(clip)
    assert cache.keys
    assert all(isinstance(key, CacheKey) and key.weights for key in cache.keys)


def test_another_judges_weights_find_nothing_of_these(spoken, monkeypatch):
    prompt, clip = spoken
    before, after = Recording(), Recording()
    for cache in (before, after):
        build(["lse_c"], "embedded", MetricContext(cache))[0].score(clip, prompt)
        monkeypatch.setattr(shipped_weights, "digest", lambda name: "0" * 12)
    assert str(before.keys[0]) != str(after.keys[0])
