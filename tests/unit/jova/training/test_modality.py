"""Which weights are whose: of two models side by side, those of one do not reach the other's output."""

import pytest
import torch

from jova.flow import Latents
from jova.training.modality import owners
from support.jova_micro import latents, micro, tokens


@pytest.mark.parametrize(("owner", "stays"), [("audio", "video"), ("video", "audio")])
@torch.no_grad()
def test_weights_of_one_modality_move_that_one_alone(owner, stays):
    model, given = micro(fusion="none"), latents(3)
    times, text = torch.full((3,), 0.5), tokens()
    before: Latents = model(given, times, text)
    random = torch.Generator().manual_seed(0)
    for name, one in owners(model).items():
        if one == owner:
            weight = model.get_parameter(name)
            weight += torch.randn(weight.shape, generator=random)
    after: Latents = model(given, times, text)
    assert torch.equal(getattr(after, stays), getattr(before, stays))
    assert not torch.allclose(getattr(after, owner), getattr(before, owner), atol=0.1)
    assert set(owners(model).values()) == {"audio", "video", "both"}


@torch.no_grad()
def test_no_weight_of_both_is_of_one():
    """What both read reaches both: the embeddings of text and time."""
    for name, one in owners(model := micro(fusion="none")).items():
        if one != "both":
            continue
        before = model(latents(3), torch.full((3,), 0.5), tokens())
        weight = model.get_parameter(name)
        kept = weight.clone()
        weight += torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
        after = model(latents(3), torch.full((3,), 0.5), tokens())
        moved = [not torch.equal(a, b) for a, b in zip(after, before, strict=True)]
        assert moved[0] == moved[1], name
        weight.copy_(kept)
