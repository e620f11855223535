"""Digests of folders of weights."""

import shutil

from jova.codecs.base import WEIGHTS
from jova_baselines.weights import digest, digest_of_parts


def test_weights_that_are_replaced_in_one_process_have_their_own_digest(tmp_path):
    """As where a checkpoint is evaluated after each epoch."""
    model, *codecs = sorted(WEIGHTS.glob("*.safetensors"), key=lambda path: "jova" not in path.name)
    for path in (model, *codecs):
        shutil.copy(path, tmp_path)
    first = [digest_of_parts(tmp_path), digest_of_parts(tmp_path, with_model=False), digest(tmp_path, (model.name,))]
    better = bytearray(model.read_bytes())
    better[-1] ^= 1
    (tmp_path / model.name).write_bytes(better)
    second = [digest_of_parts(tmp_path), digest_of_parts(tmp_path, with_model=False), digest(tmp_path, (model.name,))]
    assert [one == other for one, other in zip(first, second, strict=True)] == [False, True, False]
    shutil.copy(model, tmp_path)
    assert digest_of_parts(tmp_path) == first[0] == digest_of_parts(WEIGHTS)
