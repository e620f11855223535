"""Cached arrays survive being cut, damaged and shared."""

import multiprocessing

import numpy as np
import pytest

from jova_bench import cache as caching
from jova_bench.cache import DiskCache, NoCache, peek


def test_cache_computes_once_and_keeps_types(tmp_path):
    arrays = {"x": np.arange(6, dtype=np.float16).reshape(2, 3), "words": np.array(["blue", "at"]), "n": np.array(3)}
    calls = []

    def compute():
        calls.append(1)
        return arrays

    first, second = (DiskCache(tmp_path).get("d", "mel@1", compute) for _ in range(2))
    assert len(calls) == 1
    for got in (first, second):
        assert set(got) == set(arrays)
        for name, array in arrays.items():
            assert got[name].dtype == array.dtype
            np.testing.assert_array_equal(got[name], array)
    for key in (("d", "mel@2"), ("e", "mel@1")):
        DiskCache(tmp_path).get(*key, compute)
    assert len(calls) == 3


def test_cache_never_stores_a_failure(tmp_path):
    def fail():
        raise RuntimeError("no face")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no face"):
            DiskCache(tmp_path).get("d", "face", fail)
    assert DiskCache(tmp_path).get("d", "face", lambda: {"x": np.ones(1)})["x"] == 1
    # Pickled objects are refused when written, not when another process reads them.
    with pytest.raises(ValueError, match="allow_pickle"):
        DiskCache(tmp_path).get("d", "objects", lambda: {"x": np.array([{}])})


def test_a_peek_computes_and_stores_nothing(tmp_path):
    cache = DiskCache(tmp_path)
    assert peek(cache, "d", "mel@1") is None
    assert list(tmp_path.rglob("*.npz")) == []
    cache.get("d", "mel@1", lambda: {"x": np.ones(2)})
    assert peek(DiskCache(tmp_path), "d", "mel@1")["x"].tolist() == [1, 1]
    assert peek(NoCache(), "d", "mel@1") is None


def test_a_cache_reads_small_arrays_once_and_nobody_sees_what_another_did_to_them(tmp_path, monkeypatch):
    small, large = {"x": np.arange(3.0)}, {"x": np.zeros(caching.SMALL_BYTES)}
    for key, arrays in (("s", small), ("l", large)):
        DiskCache(tmp_path).get("d", key, lambda arrays=arrays: arrays)
    reads = []
    unsealed = caching._unsealed
    monkeypatch.setattr(caching, "_unsealed", lambda *one: reads.append(one[0]) or unsealed(*one))
    cache = DiskCache(tmp_path)
    for _ in range(3):
        got = cache.get("d", "s", dict)["x"]
        np.testing.assert_array_equal(got, [0, 1, 2])
        got += 1
    assert len(reads) == 1
    for _ in range(3):
        cache.get("d", "l", dict)
    assert len(reads) == 4  # What is large is not kept in memory.
    for k in range(caching.LATEST):
        cache.get("d", f"another {k}", lambda k=k: {"x": np.array(k)})
    cache.get("d", "s", dict)
    assert len(reads) == 5
    made = cache.get("d", "made", lambda: small)["x"]
    made += 1
    np.testing.assert_array_equal(cache.get("d", "made", dict)["x"], [0, 1, 2])


def test_a_cache_entry_cut_at_any_place_is_made_again(tmp_path):
    DiskCache(tmp_path).get("d", "e", lambda: {"x": np.arange(50)})
    (entry,) = tmp_path.rglob("*.npz")
    whole = entry.read_bytes()
    for cut in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        entry.write_bytes(whole[:cut])
        np.testing.assert_array_equal(
            DiskCache(tmp_path).get("d", "e", lambda: {"x": np.arange(50)})["x"], np.arange(50)
        )
        assert entry.read_bytes() == whole


def test_a_cache_entry_with_any_bit_turned_is_made_again(tmp_path):
    right = np.arange(3, dtype=np.int8)
    DiskCache(tmp_path).get("d", "e", lambda: {"x": right})
    (entry,) = tmp_path.rglob("*.npz")
    whole = entry.read_bytes()
    for bit in range(8 * len(whole)):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        entry.write_bytes(broken)
        assert peek(DiskCache(tmp_path), "d", "e") is None, bit
    found = DiskCache(tmp_path).get("d", "e", lambda: {"x": right})
    assert list(found) == ["x"]
    np.testing.assert_array_equal(found["x"], right)
    assert entry.read_bytes() == whole


def test_a_cache_entry_under_anothers_name_is_made_again(tmp_path):
    DiskCache(tmp_path).get("d", "e", lambda: {"x": np.zeros(2)})
    (entry,) = tmp_path.rglob("*.npz")
    DiskCache(tmp_path).get("d", "f", lambda: {"x": np.ones(2)})
    (other,) = set(tmp_path.rglob("*.npz")) - {entry}
    other.write_bytes(entry.read_bytes())
    np.testing.assert_array_equal(DiskCache(tmp_path).get("d", "f", lambda: {"x": np.ones(2)})["x"], np.ones(2))


def test_cache_entries_of_older_versions_are_read_and_new_ones_are_npz_files(tmp_path):
    DiskCache(tmp_path).get("d", "e", lambda: {"x": np.ones(2)})
    (entry,) = tmp_path.rglob("*.npz")
    with np.load(entry, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["x"], np.ones(2))
    np.savez(entry, x=np.zeros(2))
    np.testing.assert_array_equal(DiskCache(tmp_path).get("d", "e", lambda: {"x": np.ones(2)})["x"], np.zeros(2))
    for content in (b"PK", bytes(100), np.random.default_rng(0).bytes(300), entry.read_bytes()[:-30]):
        entry.write_bytes(content)
        np.testing.assert_array_equal(DiskCache(tmp_path).get("d", "e", lambda: {"x": np.ones(2)})["x"], np.ones(2))


def _fill(folder, worker):
    cache = DiskCache(folder)
    for key in range(20):
        got = cache.get(f"clip{key}", "e", lambda key=key: {"x": np.full(1000, key)})
        assert (got["x"] == key).all(), (worker, key)


def test_processes_share_a_cache(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_fill, args=(tmp_path, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(list(tmp_path.rglob("*.npz"))) == 20
    assert not list(tmp_path.rglob("*.part"))
