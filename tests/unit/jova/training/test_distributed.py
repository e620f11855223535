"""Trainings over several ranks: equal to one rank's, resumed after a kill, refused with others' clips or weights."""

import json
import signal

import pytest
import torch
from safetensors.torch import load_file

from jova.training.distributed import Ranks, joined
from jova.training.identity import digest_of_init
from jova.training.modality import owners
from jova.transformer import Jova
from support.jova_micro import PROMPTS, micro
from support.two_ranks import averaged, compared_and_broken, examples, resumed, steps, trainer, two_ranks


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    micro(editing=True).save(folder / "first.safetensors")
    prompts = [json.dumps({**prompt._asdict(), "id": f"p{number}"}) + "\n" for number, prompt in enumerate(PROMPTS)]
    (folder / "prompts.jsonl").write_text("".join(prompts))
    return folder


@pytest.fixture(scope="module")
def codes(out):
    """How two ranks ended, of which the second was killed when all but the last training was done."""
    return two_ranks(compared_and_broken, out)


@pytest.fixture(scope="module")
def two(out, codes):
    return torch.load(out / "found.pt", weights_only=True)


@pytest.fixture(scope="module")
def one(out):
    return averaged(trainer(out / "one", init=out / "first.safetensors"))


def assert_near(found, wanted, rtol):
    for mine, theirs in zip(found["losses"], wanted["losses"], strict=True):
        for name in ("total", "video", "audio"):
            assert mine[name] == pytest.approx(theirs[name], rel=rtol), name


def test_two_ranks_have_the_losses_weights_and_average_of_one(two, one):
    assert_near(two["plain"], one, 1e-6)
    for kind in ("weights", "average"):
        assert two["plain"][kind].keys() == one[kind].keys()
        for name, tensor in one[kind].items():
            # AdamW divides a gradient by its own size: where it is near 0, rounding is a share of a step of 1e-3.
            torch.testing.assert_close(two["plain"][kind][name], tensor, rtol=1e-6, atol=5e-5)


def test_parts_of_a_batch_and_recomputed_activations_change_nothing(two, one, out):
    assert_near(two["parts"], one, 1e-6)
    assert_near(two["recomputed"], one, 1e-6)
    assert_near(steps(trainer(out / "parts-of-one", init=out / "first.safetensors", accumulate=4)), one, 1e-6)


def test_bfloat16_is_near_and_keeps_float32_weights(two, one):
    assert_near(two["bfloat16"], one, 2e-2)
    assert two["bfloat16"]["losses"] != two["plain"]["losses"]
    assert_near(two["bfloat16, recomputed"], two["bfloat16"], 1e-6)
    assert {tensor.dtype for tensor in two["bfloat16"]["weights"].values()} == {torch.float32}


def test_samples_are_shared_and_leave_the_training_as_it_is(two, out):
    made = sorted(path.name for path in (out / "sampled" / "samples" / "00000001").iterdir())
    assert made == ["p0.mp4", "p1.mp4", "p2.mp4", "prompts.jsonl"]  # three of two ranks
    assert two["bfloat16, sampled"]["losses"] == two["bfloat16"]["losses"]


def test_a_frozen_modality_stays_bit_for_bit(two, out):
    first = Jova.load(out / "first.safetensors")
    begun, owner = first.state_dict(), owners(first)
    assert {"audio", "video", "both"} == set(owner.values())
    moved = [name for name, tensor in two["audio"]["weights"].items() if not torch.equal(tensor, begun[name])]
    assert moved
    assert {owner[name] for name in moved} == {"audio"}
    for losses in two["audio"]["losses"]:
        assert losses["total"] == losses["audio"] > 0


def test_a_training_of_which_a_rank_was_killed_ends_as_an_unbroken_one(out, codes):
    assert codes[1] == -signal.SIGKILL
    assert codes[0] != 0
    assert two_ranks(resumed, out) == [0, 0]
    told = json.loads((out / "resumed.json").read_text())
    assert told["begun"] == 4
    whole, broken = (load_file(out / name / "jova-tiny.safetensors") for name in ("unbroken", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)
    shards = [sorted((out / name / "model-00000006").glob("*.safetensors")) for name in ("unbroken", "broken")]
    assert len(shards[0]) == len(shards[1]) == 2
    for mine, theirs in zip(*map(lambda paths: map(load_file, paths), shards), strict=True):
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    logs = [(out / name / "model.jsonl").read_text().splitlines() for name in ("unbroken", "broken")]
    for mine, theirs in zip(*(map(json.loads, lines) for lines in logs), strict=True):
        assert {key: mine[key] for key in ("step", "total", "video", "audio")} == {
            key: theirs[key] for key in ("step", "total", "video", "audio")
        }
    data, init, weight, batch, no_number = told["said"]
    assert "expected the clips with which" in data
    assert "another init; name another folder as out" in init
    assert "another mouth_weight" in weight
    assert batch == "expected a batch that 2 ranks with 1 parts each can split evenly, got 5; use a multiple of 2"
    # Both ranks end with code 0 above: the one whose loss is a number stops with the other, at the same step.
    assert no_number.startswith("expected a finite loss and finite gradients at step")

    # One rank goes on with what two have written; another training may begin with it.
    alone = trainer(out / "broken")
    assert alone.step == 6
    next_stage = trainer(out / "next", init=out / "broken")
    assert next_stage.init == digest_of_init(out / "broken")
    assert all(torch.equal(next_stage.model.state_dict()[name], alone.ema[name]) for name in alone.ema)
    # A checkpoint of the same step is written beside the one that it replaces.
    alone.save("model")
    about = json.loads((out / "broken" / "model.json").read_text())
    assert about["folder"] == "model-00000006-again"
    assert [path.name for path in (out / "broken").glob("model-*")] == [about["folder"]]
    assert trainer(out / "broken").step == 6
    shard, _ = about["shards"]
    (out / "broken" / about["folder"] / shard).write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"expected a checkpoint's shard of \d+ bytes at .*safetensors, got 4"):
        trainer(out / "broken")


def test_slices_cover_a_batch_once():
    slices = [Ranks(index, 3).slices(12, 2) for index in range(3)]
    assert sorted(row for parts in slices for part in parts for row in range(part.start, part.stop)) == list(range(12))


def test_validation_does_not_depend_on_how_it_is_split(out):
    held_out = examples(9, seed=1)
    from jova.training.losses import validate

    found = []
    for accumulate in (1, 2):
        one = trainer(out / f"valid-{accumulate}", accumulate=accumulate)
        with one.averaged() as model:
            found.append(validate(model, held_out, one.training, one.ranks))
    for name in ("valid_total", "valid_edit_mouth_video", "valid_edit_sound_audio"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-5)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="expected 1 GPUs in this machine, got 0; use fewer"), joined("cuda:0"):
        pass
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="expected 2 GPUs in this machine, got 0"), joined("cuda"):
        pass
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="expected cuda or cpu for 2 ranks"), joined("cuda:0"):
        pass
