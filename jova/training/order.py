"""Order of clips in buckets: a function of the seed and the step, alike in every process and after a resume.

A batch has clips of one bucket. An epoch of a bucket is all of its clips once, in a random order; epochs follow each
other without a gap, so that no clip is left out where a batch does not divide a bucket. Epoch e gives those batches of
each bucket that end within its first e + 1 epochs and not before, buckets in a random order.

Letters: c clips of a bucket, b clips of a batch; the first e epochs give floor(e c / b) batches of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from jova.training.state import hashed_generator


def bucket_batch(step: int, batch: int, counts: Sequence[int], seed: int) -> tuple[int, Tensor]:
    """Returns the bucket of a step, and which of its clips make the batch.

    Args:
        step: from 0.
        batch: b, number of clips, of all ranks together.
        counts: c of each bucket.
        seed: of the order.

    Returns:
        Index of the bucket, and (batch,) int64 indices of its clips. Where a bucket has fewer clips than a batch, some
        occur more than once.
    """
    if batch < 1 or min(counts, default=0) < 1:
        raise ValueError(f"expected clips in every bucket and a batch of at least 1, got {list(counts)} and {batch}")
    epoch = _epoch_of(step, batch, counts)
    before = [epoch * clips // batch for clips in counts]
    given = [(epoch + 1) * clips // batch - first for clips, first in zip(counts, before, strict=True)]
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(given))
    order = labels[shuffled(len(labels), seed, "buckets", epoch)]
    place = step - sum(before)
    bucket = int(order[place])
    earlier = int((order[:place] == bucket).sum())
    wanted = torch.arange(batch) + (before[bucket] + earlier) * batch  # places among the epochs of the bucket
    epochs = wanted // counts[bucket]
    rows = torch.empty_like(wanted)
    for which in sorted(set(epochs.tolist())):
        inside = epochs == which
        rows[inside] = shuffled(counts[bucket], seed, f"bucket {bucket}", which)[wanted[inside] % counts[bucket]]
    return bucket, rows


@lru_cache(maxsize=32)
def shuffled(count: int, seed: int, what: str, epoch: int) -> Tensor:
    """Returns a random order of `count` items, (count,) int64, a function of the arguments alone."""
    return torch.randperm(count, generator=hashed_generator(seed, what, epoch))


def _epoch_of(step: int, batch: int, counts: Sequence[int]) -> int:
    """Returns the epoch that gives a step: the last before which at most `step` batches were given."""
    low, high = 0, 1 + (step + 1 + len(counts)) * batch // sum(counts)  # more than `step` batches come before `high`
    while high - low > 1:
        middle = (low + high) // 2
        if sum(middle * clips // batch for clips in counts) <= step:
            low = middle
        else:
            high = middle
    return low
