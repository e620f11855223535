import pytest
import torch

from jova.training.order import bucket_batch
from jova.training.state import generator_of, hashed_generator


def steps(count, batch, counts, seed):
    return [bucket_batch(step, batch, counts, seed) for step in range(count)]


def test_an_epoch_of_a_bucket_is_all_of_its_clips_once_in_an_order_of_its_own():
    rows = torch.cat([rows for _, rows in steps(15, 4, [10], 3)])
    epochs = [part.tolist() for part in rows.split(10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 6


def test_every_clip_is_seen_equally_often_however_buckets_divide():
    # 6 epochs of 7 + 12 + 2 clips in batches of 6: 7 + 12 + 2 batches, with nothing left over.
    given = steps(21, 6, [7, 12, 2], 1)
    for bucket, clips in enumerate((7, 12, 2)):
        seen = torch.cat([rows for which, rows in given if which == bucket])
        assert seen.bincount(minlength=clips).tolist() == [6] * clips


def test_an_epoch_gives_the_batches_that_end_in_it_and_mixes_the_buckets():
    # Of 7 clips in batches of 2, the first epochs give 3, 4, 3, 4, ... batches; of 4 clips always 2.
    buckets = [bucket for bucket, _ in steps(22, 2, [7, 4], 5)]
    assert [buckets[first:last].count(0) for first, last in ((0, 5), (5, 11), (11, 16), (16, 22))] == [3, 4, 3, 4]
    # In all 24 orders of the first four epochs, they are not always sorted.
    assert buckets[:5] != sorted(buckets[:5]) or buckets[5:11] != sorted(buckets[5:11])


def test_the_order_is_of_the_seed_and_the_step_alone():
    first = steps(20, 4, [9, 5, 30], 7)
    again = [bucket_batch(step, 4, [9, 5, 30], 7) for step in reversed(range(20))][::-1]
    assert all(a == b and torch.equal(x, y) for (a, x), (b, y) in zip(first, again, strict=True))
    other = steps(20, 4, [9, 5, 30], 8)
    assert [bucket for bucket, _ in first] != [bucket for bucket, _ in other]
    # A large seed is not cut to its last bits.
    assert [rows.tolist() for _, rows in first] != [
        rows.tolist() for _, rows in steps(20, 4, [9, 5, 30], 7 + (1 << 32))
    ]


def test_fewer_clips_than_a_batch_come_every_few_epochs():
    bucket, rows = bucket_batch(0, 4, [1, 1], 0)  # no epoch before the fourth gives a batch
    assert rows.tolist() == [0] * 4
    assert {bucket, bucket_batch(1, 4, [1, 1], 0)[0]} == {0, 1}


@pytest.mark.parametrize(("batch", "counts"), [(0, [3]), (2, []), (2, [3, 0])])
def test_an_order_of_nothing_is_refused(batch, counts):
    with pytest.raises(ValueError, match="expected clips in every bucket and a batch of at least 1"):
        bucket_batch(0, batch, counts, 0)


def test_generators_depend_on_all_that_they_are_given():
    # PyTorch reads 32 bits of a seed: a seed in the upper ones has no effect, as in `generator_of`.
    assert torch.equal(*(torch.rand(4, generator=generator_of(seed, 3)) for seed in (0, 1)))
    cases = [(0, "noise", 3), (1, "noise", 3), (0, "edits", 3), (0, "noise", 4)]
    drawn = {tuple(torch.rand(4, generator=hashed_generator(*case)).tolist()) for case in cases}
    assert len(drawn) == 4
    assert torch.equal(*(torch.rand(4, generator=hashed_generator(*cases[0])) for _ in range(2)))
