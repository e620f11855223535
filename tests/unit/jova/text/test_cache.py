import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from jova.text.cache import CachedEncoder


class Counting:
    """Encodes a text to its letters, and counts."""

    max_length = 9

    def __init__(self, fingerprint="letters-1"):
        self.fingerprint, self.texts = fingerprint, []

    def encode(self, text):
        self.texts.append(text)
        return torch.tensor([[ord(letter) / 7, 0.1] for letter in text + "."], dtype=torch.bfloat16)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_text_is_encoded_once_and_comes_back_bit_for_bit(tmp_path):
    first, second = Counting(), Counting()
    cached = CachedEncoder(first, tmp_path)
    made = cached.states("ab")
    assert cached.states("ab") is made
    read = CachedEncoder(second, tmp_path).states("ab")
    assert (first.texts, second.texts) == (["ab"], [])
    assert torch.equal(read, first.encode("ab"))
    assert read.dtype == torch.bfloat16


def test_encoder_text_and_length_are_told_apart(tmp_path):
    other, longer = Counting("letters-2"), Counting()
    longer.max_length = 10
    for encoder, text in ((Counting(), "ab"), (Counting(), "ab "), (Counting(), ""), (other, "ab"), (longer, "ab")):
        CachedEncoder(encoder, tmp_path).states(text)
        assert encoder.texts == [text]
    assert len(files(tmp_path)) == 5
    assert {path.parent.name for path in files(tmp_path)} == {"letters-1", "letters-2"}


def test_a_cache_of_memory_alone_writes_nothing_and_asks_for_no_fingerprint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = Counting()
    del encoder.fingerprint  # it takes as long as reading the weights
    cached = CachedEncoder(encoder, None)
    assert cached.states("ab") is cached.states("ab")
    assert encoder.texts == ["ab"]
    assert files(tmp_path) == []


def shorter(path):
    path.write_bytes(path.read_bytes()[:-3])


def empty(path):
    path.write_bytes(b"")


def one_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another_text(path):
    CachedEncoder(Counting(), path.parent.parent).states("c")
    other = next(file for file in files(path.parent) if file != path)
    path.write_bytes(other.read_bytes())


def another_type(path):
    with safe_open(path, framework="pt") as file:
        metadata, states = file.metadata(), file.get_tensor("states")
    save_file({"states": states.view(torch.float16)}, path, metadata)


def another_name(path):
    save_file({"words": torch.zeros(1)}, path)


def no_metadata(path):
    save_file({"states": torch.zeros(1)}, path)


DAMAGES = (shorter, empty, one_bit, of_another_text, another_type, another_name, no_metadata)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_made_again_with_a_note(tmp_path, capsys, damage):
    made = CachedEncoder(Counting(), tmp_path).states("ab")
    path = files(tmp_path)[0]
    damage(path)
    assert capsys.readouterr().err == ""
    encoder = Counting()
    assert torch.equal(CachedEncoder(encoder, tmp_path).states("ab"), made)
    assert encoder.texts == ["ab"]
    note = capsys.readouterr().err
    assert note.startswith("note: expected cached states")
    assert note.endswith("; it is made again\n")
    assert note.count("\n") == 1
    assert str(path) in note
    whole = Counting()
    assert torch.equal(CachedEncoder(whole, tmp_path).states("ab"), made)
    assert whole.texts == []
    assert capsys.readouterr().err == ""


def test_a_text_that_cannot_be_encoded_leaves_nothing(tmp_path):
    encoder = Counting()
    encoder.encode = lambda text: (_ for _ in ()).throw(ValueError("too long"))
    cached = CachedEncoder(encoder, tmp_path)
    for _ in range(2):
        with pytest.raises(ValueError, match="too long"):
            cached.states("ab")
    assert files(tmp_path) == []


def test_what_is_read_in_inference_mode_can_be_trained_with(tmp_path):
    CachedEncoder(Counting(), tmp_path).states("ab")
    with torch.inference_mode():
        read = CachedEncoder(Counting(), tmp_path).states("ab")
    weight = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    (read @ weight).sum().backward()
    assert weight.grad is not None
