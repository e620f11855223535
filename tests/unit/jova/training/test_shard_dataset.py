import json
from dataclasses import replace
from fractions import Fraction
from zlib import crc32

import pytest
import torch
from safetensors.torch import load, load_file, save

from jova.data import shards
from jova.data.manifest import read_manifest
from jova.data.shard_index import MadeBy, ShardRecord
from jova.data.shards import write_shards
from jova.text import WordTokenizer
from jova.training.config import TrainConfig
from jova.training.model import Trainer
from jova.training.shard_dataset import ShardDataset
from jova.training.state import detached
from support import jova_micro
from support.prepared_clips import WORDS, codecs, mixed


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Eleven clips of three buckets in shards of two; manifest, folder and fingerprints."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_CLIPS", 2)
        index = write_shards(mixed(root), *codecs(), None, root / "shards")
    return root, index.made_by


@pytest.fixture
def data(encoded):
    root, made_by = encoded
    return ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4))


@pytest.fixture
def copied(encoded, tmp_path):
    """A copy of the shards to damage."""
    for path in (encoded[0] / "shards").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path, encoded[1]


def test_batches_are_what_the_codecs_gave(encoded, data):
    video, audio = codecs()
    clips = {clip.id: clip for clip in read_manifest(encoded[0])}
    names = [f"short-{k}" for k in range(3)] + [f"cinema-{k}" for k in range(3)] + [f"clip.{k}" for k in range(5)]
    batch = data.batch(torch.tensor([10, 6, 9]))  # of the last bucket, in the order that was asked
    assert data.clips == 11
    for row, number in enumerate((10, 6, 9)):
        clip = clips[names[number]]
        clock = data.index.buckets["9f-32x32-25fps"].clock
        assert torch.equal(batch.data.video[row], video.encode(clip.picture(9)[None])[0].half().float())
        assert torch.equal(batch.data.audio[row], audio.encode(clip.sound(clock)[None])[0].half().float())
    assert batch.mouth.shape == (3, 3, 4, 4)
    assert batch.mouth[0, 0, 2].tolist() == [0, 1, 1, 0]
    assert batch.text.spans.tolist() == [pytest.approx([0.04, 0.3])] * 3
    expected = WordTokenizer(WORDS, 4)([clips[names[number]].prompt for number in (10, 6, 9)])
    assert torch.equal(batch.text.ids, expected.ids)
    assert data.text is not None
    assert len(data.text.ids) == 11
    assert data.index.buckets["9f-32x32-24fps"].clock.fps == Fraction(24)


def test_the_control_moves_the_boxes(encoded):
    root, made_by = encoded
    off = ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4), "off")
    # 8 pixels high, at the top edge: row 0.
    assert off.batch(torch.tensor([6])).mouth[0, 0].tolist() == [[0, 1, 1, 0]] + [[0] * 4] * 3
    assert off.digest() != ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4)).digest()


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_any_number_of_ranks_sees_the_same_clips_and_a_resume_goes_on(encoded, ranks):
    root, made_by = encoded

    def seen(steps):
        """What each step's ranks are given together, each from a dataset of its own."""
        sources = [ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4)) for _ in range(ranks)]
        for step in steps:
            parts = [torch.tensor_split(source.rows(step, 4, 9), ranks)[rank] for rank, source in enumerate(sources)]
            yield torch.cat([source.batch(part).data.video for source, part in zip(sources, parts, strict=True)])

    alone = ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4))
    expected = [alone.batch(alone.rows(step, 4, 9)).data.video for step in range(6)]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(seen(range(6)), expected, strict=True))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(seen(range(3, 6)), expected[3:], strict=True))


def test_all_clips_are_seen_and_batches_have_one_bucket(data):
    given = torch.cat([data.rows(step, 2, 0) for step in range(11)])  # two epochs of 11 clips
    assert given.bincount().tolist() == [2] * 11
    starts = [0, 3, 6]
    for step in range(11):
        assert len({sum(number >= start for start in starts) for number in data.rows(step, 2, 0).tolist()}) == 1
    assert [part.tolist() for part in data.split(4)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9], [10]]
    with pytest.raises(ValueError, match="expected clips of one bucket, got 5f-32x32-25fps, 9f-32x32-25fps"):
        data.batch(torch.tensor([0, 10]))


def test_batches_come_from_workers_of_a_loader_too(data):
    class Steps(torch.utils.data.Dataset):
        def __getitem__(self, step):
            return data.batch(data.rows(step, 2, 0))

    steps = torch.utils.data.DataLoader(
        Steps(), batch_size=None, sampler=range(3, 6), num_workers=2, collate_fn=lambda batch: batch
    )
    for step, batch in zip(range(3, 6), steps, strict=True):
        assert torch.equal(batch.data.video, data.batch(data.rows(step, 2, 0)).data.video)


@pytest.mark.parametrize("field", ["video_codec", "audio_codec", "text"])
def test_shards_of_other_encoders_are_refused_with_one_line(encoded, field):
    root, made_by = encoded
    other = MadeBy(**{**made_by.__dict__, field: "another"})
    with pytest.raises(
        ValueError, match=f"expected shards of the {field.replace('_', ' ')} another, got those of"
    ) as fault:
        ShardDataset(root / "shards", other, WordTokenizer(WORDS, 4))
    assert "or use the one that made them" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_model_of_states_is_not_given_words(encoded):
    with pytest.raises(ValueError, match="expected shards with prompts as states, got words"):
        ShardDataset(encoded[0] / "shards", encoded[1])


def test_a_shard_of_another_codec_in_place_of_ours_is_refused(encoded, copied, tmp_path_factory):
    folder, made_by = copied
    video, audio = codecs()
    video.mean[0, 0] = 1
    other = tmp_path_factory.mktemp("other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_CLIPS", 2)
        write_shards(encoded[0] / "manifest.jsonl", video, audio, None, other)
    name = "9f-32x32-25fps-00000"
    read = lambda: ShardDataset(folder, made_by, WordTokenizer(WORDS, 4)).batch(torch.tensor([6]))  # noqa: E731
    (folder / f"{name}.tar").write_bytes((other / f"{name}.tar").read_bytes())
    with pytest.raises(ValueError, match=r"expected clip clip\.0 in .* with its checksum, got a damaged file"):
        read()
    (folder / f"{name}.json").write_bytes((other / f"{name}.json").read_bytes())
    with pytest.raises(ValueError, match=f"expected the shard {name} that .* names, got another"):
        read()
    # Even if its digest stands in our index, the clip itself says who made it.
    index = json.loads((folder / "index.json").read_text())
    theirs = ShardRecord.read(other / f"{name}.json").shard
    index["shards"] = [shard if shard["name"] != name else theirs.__dict__ for shard in index["shards"]]
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="expected shards of the video codec"):
        read()


def damage(path, change):
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def test_damaged_shards_are_one_line(copied):
    folder, made_by = copied
    name = "5f-32x32-25fps-00000"
    read = lambda: ShardDataset(folder, made_by, WordTokenizer(WORDS, 4)).batch(torch.tensor([0]))  # noqa: E731
    tar, record = folder / f"{name}.tar", folder / f"{name}.json"
    whole, clip = tar.read_bytes(), ShardRecord.read(record).clips[0]
    about, content = (whole[offset : offset + size] for offset, size in (clip.json, clip.safetensors))
    for tensor in ("video", "audio", "mouth"):  # encoded by something else, with a checksum that is right
        tensors = load(content)
        tensors[tensor].view(-1)[3] = torch.nan
        other, start = save(tensors), clip.safetensors[0]
        tar.write_bytes(whole[:start] + other + whole[start + len(other) :])
        was, now = (f'"crc32": {crc32(data, crc32(about))}' for data in (content, other))
        text = record.read_text()
        assert was in text
        record.write_text(text.replace(was, now))
        with pytest.raises(ValueError, match=f"expected clip short-0 in .*{tensor} with values that are no number"):
            read()
        record.write_text(text)
    tar.write_bytes(whole)
    damage(tar, lambda content: content.__setitem__(clip.safetensors[0] + clip.safetensors[1] - 1, 255))
    with pytest.raises(ValueError, match=r"expected clip short-0 in .* with its checksum, got a damaged file"):
        read()
    tar.write_bytes(whole[:600])
    with pytest.raises(ValueError, match="with its checksum, got a damaged file"):
        read()
    tar.unlink()
    with pytest.raises(FileNotFoundError, match=r"expected the shard that index\.json names, got no"):
        read()
    record.write_text("{")
    with pytest.raises(ValueError, match="expected a record of shards in"):
        read()
    for content in ("{", "[]", '{"format": "jova-shards@1"}', '{"format": "other"}'):
        (folder / "index.json").write_text(content)
        with pytest.raises(ValueError, match=r"expected a record of shards in .*index\.json, got .*; encode"):
            read()
    (folder / "index.json").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"expected finished shards in .*, got no index\.json; encode the clips"
    ):
        read()


def changed(value):
    """Every record that differs from this one in a single value, or lacks it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            lacking = value.copy()
            del lacking[key]
            yield lacking
            for other in changed(value[key]):
                copy = value.copy()
                copy[key] = other
                yield copy
    yield from (None, -1, 0, 1.5, "", "../../x", "1/0", 10**30, [], {}, [[]], True)


@pytest.mark.parametrize("name", ["index.json", "5f-32x32-25fps-00000.json"])
def test_no_change_of_a_record_is_a_traceback_or_other_latents(copied, name):
    folder, made_by = copied
    path, tokenizer = folder / name, WordTokenizer(WORDS, 4)
    expected = ShardDataset(folder, made_by, tokenizer).batch(torch.tensor([0])).data.video
    faults = []
    for record in changed(json.loads(path.read_text())):
        path.write_text(json.dumps(record))
        try:
            found = ShardDataset(folder, made_by, tokenizer).batch(torch.tensor([0]))
        except (ValueError, FileNotFoundError) as error:
            faults.append(str(error))
        else:
            assert torch.equal(found.data.video, expected)
    assert len(faults) > 300
    assert not any("\n" in fault for fault in faults)


def test_states_of_text_encoders_come_back_with_the_empty_prompt(encoded, tmp_path):
    from unit.jova.data.test_shards import Letters

    root, text = encoded[0], Letters()
    index = write_shards(root / "manifest.jsonl", *codecs(), text, tmp_path)
    data = ShardDataset(tmp_path, index.made_by)
    clips = {clip.id: clip for clip in read_manifest(root)}
    batch = data.batch(torch.tensor([6, 7]))
    assert data.text is None
    for row, name in enumerate(("clip.0", "clip.1")):
        for hidden, states in zip(batch.text.encoders, text.states(clips[name].prompt), strict=True):
            assert torch.equal(hidden.states[row][hidden.mask[row]], states)
    dropped = batch.text.drop_text(torch.tensor([True, True]))
    assert torch.equal(dropped.encoders[1].states[0, 0], torch.ones(3, dtype=torch.bfloat16))
    assert batch.text.spans[0].tolist() == pytest.approx([0.04, 0.3])
    (tmp_path / "null-text.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="expected the states of the empty prompt in"):
        ShardDataset(tmp_path, index.made_by)


def test_a_training_takes_shards_resumes_and_notices_others(encoded, data, tmp_path):
    root, made_by = encoded
    config = replace(jova_micro.CONFIG, vocabulary=WORDS)
    training = TrainConfig(steps=4, batch=2, warmup=1, log_every=2)
    Trainer(config, training, tmp_path / "whole").run(data, data)
    broken = Trainer(config, training, tmp_path / "broken")
    broken.data = data.digest()
    broken.model.speaking.fit(data.text)
    broken.ema = detached(broken.model)
    broken.advance(data)
    broken.advance(data)
    broken.save("model")
    again = ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4))
    Trainer(config, training, tmp_path / "broken").run(again, again)
    # Tensors, because safetensors orders its metadata by chance.
    whole, resumed = (load_file(tmp_path / name / "jova-tiny.safetensors") for name in ("whole", "broken"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    last = json.loads((tmp_path / "whole" / "model.jsonl").read_text().splitlines()[-1])
    assert 0 < last["valid_total"] < 1e6
    off = ShardDataset(root / "shards", made_by, WordTokenizer(WORDS, 4), "off")
    with pytest.raises(ValueError, match=r"expected the clips with which .* was started, got others"):
        Trainer(config, training, tmp_path / "whole").run(off, off)
