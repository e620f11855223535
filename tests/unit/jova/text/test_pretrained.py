"""Encoders of transformers, tiny and random, against transformers itself; and what is wrong with their folders."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from jova.flow import Batch, losses
from jova.samplers import SAMPLERS, GuidedField, flow_times
from jova.text import Prompt, PromptEncoder, TextEncoder
from support.jova_micro import CONFIG, latents, micro, mouth_masks
from support.shown import ROOT, blocks

KINDS = ("t5", "umt5", "qwen2")
TEXTS = ("a man speaks", "Ein längerer Text, привет", "")
PROMPTS = [
    Prompt("a man at a desk", "a low voice", "good morning"),
    Prompt("a dog", "", ""),
    Prompt("", "", "says two words more"),
]


def reference(folder, kind):
    """Network and tokenizer of transformers in float32, read as its documentation has it."""
    from transformers import AutoTokenizer, Qwen2ForCausalLM, T5ForConditionalGeneration, UMT5EncoderModel

    weights = folder / "text_encoder" if kind == "umt5" else folder
    words = folder / "tokenizer" if kind == "umt5" else folder
    classes = {"t5": T5ForConditionalGeneration, "umt5": UMT5EncoderModel, "qwen2": Qwen2ForCausalLM}
    network = classes[kind].from_pretrained(weights, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(words)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return network.encoder if kind == "t5" else network, tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_the_upstream_which_pads_a_batch_and_masks_it(text_folders, kind):
    network, tokenizer = reference(text_folders[kind], kind)
    ended = [text + tokenizer.eos_token if kind == "qwen2" else text for text in TEXTS]
    batch = tokenizer(ended, padding=True, return_tensors="pt")
    with torch.no_grad():
        last = network(**batch, output_hidden_states=True).hidden_states[-1]  # (B, L, C)
    encoder = TextEncoder(text_folders[kind], precision="float32")
    assert (encoder.kind, encoder.channels) == (kind, last.shape[-1])
    for text, states, mask in zip(TEXTS, last, batch["attention_mask"].bool(), strict=True):
        found = encoder.encode(text)
        assert (found.dtype, found.device.type) == (torch.float32, "cpu")
        torch.testing.assert_close(found, states[mask], atol=1e-5, rtol=1e-5)
    assert len(encoder.encode("")) == 1


def test_a_text_of_n_bytes_has_n_tokens_and_an_end(text_folders):
    for folder in text_folders.values():
        encoder = TextEncoder(folder, max_length=9)
        assert len(encoder.encode("eight by")) == 9
        with pytest.raises(ValueError, match=r"at most 9 tokens of .*, got 10 in 'nine byte"):
            encoder.encode("nine byte")


def test_states_are_the_same_whatever_the_caller_computes_in(text_folders):
    encoder = TextEncoder(text_folders["umt5"], precision="float32")
    plain = encoder.encode("a man")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        inside = TextEncoder(text_folders["umt5"], precision="float32").encode("a man")
    assert torch.equal(inside, plain)
    weight = torch.ones(16, requires_grad=True)
    (inside @ weight).sum().backward()  # refused for tensors of inference mode
    assert weight.grad is not None


def test_precision_is_part_of_the_fingerprint_and_so_is_every_byte(text_folders, tmp_path):
    encoder = TextEncoder(text_folders["qwen2"])
    assert encoder.encode("a").dtype == torch.bfloat16
    assert encoder.fingerprint.startswith("qwen2-")
    prints = {encoder.fingerprint, TextEncoder(text_folders["qwen2"], precision="float32").fingerprint}
    assert TextEncoder(text_folders["qwen2"], max_length=7).fingerprint in prints
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        folder = tmp_path / name
        shutil.copytree(text_folders["qwen2"], folder)
        content = bytearray((folder / name).read_bytes())
        content[-2] ^= 1
        (folder / name).write_bytes(content)
        if name == "config.json":  # still JSON
            (folder / name).write_bytes((text_folders["qwen2"] / name).read_bytes() + b" ")
        prints.add(TextEncoder(folder).fingerprint)
    assert len(prints) == 5
    moved = tmp_path / "moved"
    shutil.copytree(text_folders["qwen2"], moved)
    (moved / "README.md").write_text("of no matter")
    assert TextEncoder(moved).fingerprint == encoder.fingerprint


def test_a_prompt_is_encoded_once_by_every_encoder_and_read_again_bit_for_bit(text_folders, tmp_path):
    folders = [text_folders["t5"], text_folders["qwen2"]]
    made = PromptEncoder([TextEncoder(folder) for folder in folders], tmp_path)
    text = made(PROMPTS)
    assert made.channels == (16, 24)
    assert text.mask.sum(1).tolist() == [len(a) + len(b) for a, b in map(made.states, PROMPTS)]
    again = PromptEncoder([TextEncoder(folder) for folder in folders], tmp_path)
    for encoder in again.encoders:
        encoder.encode = pytest.fail
    none = PromptEncoder([TextEncoder(folder) for folder in folders])
    for other in (again(PROMPTS), none(PROMPTS)):
        assert all(torch.equal(a, b) for a, b in zip(text.tensors(), other.tensors(), strict=True))
    assert made.fingerprint == none.fingerprint
    assert made.fingerprint != PromptEncoder([TextEncoder(folders[0])]).fingerprint


@pytest.mark.parametrize("kinds", [("umt5",), ("t5", "qwen2")], ids="+".join)
def test_an_open_vocabulary_is_trained_and_sampled_from_prompts(text_folders, kinds, tmp_path):
    encoder = PromptEncoder([TextEncoder(text_folders[kind]) for kind in kinds], tmp_path)
    model = micro(vocabulary=(), text_channels=encoder.channels, words="free")
    text, batch = encoder(PROMPTS), latents(3, seed=7)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for _ in range(20):
        optimiser.zero_grad()
        draw = torch.Generator().manual_seed(0)
        loss = losses(model, Batch(batch, text, mouth_masks(3)), draw, mouth_weight=5.0, text_dropout=0.5).total
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    assert found[-1] < 0.8 * found[0]
    with torch.inference_mode():
        made = [
            SAMPLERS["heun"](GuidedField(model, encoder(prompts), None, 3.0), latents(3), flow_times(3)).audio
            for prompts in (PROMPTS, PROMPTS[::-1])
        ]
    assert torch.isfinite(made[0]).all()
    assert not torch.allclose(made[0][0], made[1][0])
    assert replace(CONFIG, vocabulary=(), text_channels=encoder.channels, words="free") == model.config


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def without(folder, name):
    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def damage(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:100])


FAULTS = {
    "no folder": (lambda folder: shutil.rmtree(folder), "expected a local folder of a text encoder, got no .*config"),
    "another kind": (lambda folder: edit_config(folder, model_type="bert"), "t5, umt5, qwen2 in .*, got 'bert'"),
    "a kind that is no text": (lambda folder: edit_config(folder, model_type=[1]), "expected a text encoder's config"),
    "no sizes": (lambda folder: edit_config(folder, hidden_size=None), "expected a text encoder's config in"),
    "sizes of nothing": (lambda folder: edit_config(folder, hidden_size=0), "expected model_type"),
    "no JSON": (lambda folder: (folder / "config.json").write_text("{"), "expected a text encoder's config in"),
    "no object": (lambda folder: (folder / "config.json").write_text("[]"), "expected a text encoder's config in"),
    "no UTF-8": (lambda folder: (folder / "config.json").write_bytes(b"\xff"), "expected a text encoder's config in"),
    "pickled weights": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "expected .*safetensors in .*, got none",
    ),
    "torn weights": (lambda folder: damage(folder, "model.safetensors"), "expected the weights of Qwen2Model in"),
    "a missing tensor": (
        lambda folder: without(folder, "model.layers.1.mlp.up_proj.weight"),
        "got none or others for 1 tensors, such as layers.1.mlp.up_proj.weight",
    ),
    "another size": (lambda folder: edit_config(folder, intermediate_size=48), "expected the weights of Qwen2Model"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "expected a tokenizer in .*, got none of"),
    "a torn tokenizer": (lambda folder: damage(folder, "tokenizer.json"), "expected a tokenizer in"),
    "a larger tokenizer": (lambda folder: edit_config(folder, vocab_size=60), "a tokenizer of 60 tokens in .*, got t"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(text_folders, tmp_path, fault):
    spoil, message = FAULTS[fault]
    folder = tmp_path / "qwen2"
    shutil.copytree(text_folders["qwen2"], folder)
    spoil(folder)
    with pytest.raises((FileNotFoundError, ValueError), match=message) as caught:
        TextEncoder(folder).encode("a man")
    assert "\n" not in str(caught.value)


def test_settings_that_cannot_be_are_refused(text_folders):
    with pytest.raises(ValueError, match="precision to be one of float32, bfloat16, got 'fp16'"):
        TextEncoder(text_folders["t5"], precision="fp16")
    with pytest.raises(ValueError, match="max_length of at least 1, got 0"):
        TextEncoder(text_folders["t5"], max_length=0)
    with pytest.raises(ValueError, match="at least one text encoder"):
        PromptEncoder([])


def test_without_transformers_the_message_says_what_to_install(text_folders, monkeypatch):
    encoder = TextEncoder(text_folders["t5"])  # what is read of a folder needs nothing
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModuleNotFoundError, match=r"need transformers, .*pip install 'jova-bench\[diffusers\]'"):
        encoder.encode("a man")


def test_a_tokenizer_of_sentencepiece_alone_is_read(text_folders, tmp_path, monkeypatch):
    """As the repositories of T5 and CogVideoX have it."""
    import sentencepiece

    folder = tmp_path / "t5"
    shutil.copytree(text_folders["t5"], folder)
    (folder / "tokenizer.json").unlink()
    texts = ["a man speaks in a low voice", "a woman sings", "good morning, everyone"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_prefix=str(folder / "spiece"), vocab_size=40, pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=3,
    )  # fmt: skip
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
    upstream = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    encoder = TextEncoder(folder)
    for text in (*texts, "a good woman", ""):
        assert encoder.token_ids(text) == [*upstream.encode(text), 1]
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ModuleNotFoundError, match="need sentencepiece, which is not installed: pip install"):
        TextEncoder(folder).encode("a man")


def test_an_encoder_moves_to_a_device_before_and_after_it_is_read(text_folders):
    unread, read = (TextEncoder(text_folders["t5"], precision="float32") for _ in range(2))
    assert read.encode("a").device.type == "cpu"
    prompts = PromptEncoder([unread, read])
    assert prompts.to("meta") is prompts
    for encoder in (unread, read):
        assert {weight.device.type for weight in encoder._network.parameters()} == {"meta"}


def test_what_has_no_token_is_noted_because_the_encoder_never_sees_it(text_folders, tmp_path, capsys):
    """T5's vocabulary has no Cyrillic, for one; here the tokens of the bytes of one letter are taken away."""
    folder = tmp_path / "t5"
    shutil.copytree(text_folders["t5"], folder)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["unk_token"] = "<unk>"
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["(none)"] = vocabulary.pop("z")
    path.write_text(json.dumps(tokenizer))
    encoder = TextEncoder(folder)
    encoder.encode("a quick dog")
    assert "note" not in capsys.readouterr().err
    encoder.encode("a lazy dog in a zoo")
    assert "note: t5 has no token for all of 'lazy', 'zoo'" in capsys.readouterr().err


def test_the_page_runs(text_folders, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "umt5-xxl").symlink_to(text_folders["umt5"])
    (code,) = blocks(ROOT / "docs" / "text.md", "python")
    exec(code, {})
    tags = len("<Video Caption> A man at a desk. <Audio Caption> A low voice. <Transcript> Good morning!")
    assert f"(16,) tensor([{tags + 1},  1]) text-".replace(" ", "") in capsys.readouterr().out.replace(" ", "")
    assert len(list((tmp_path / "text-cache").rglob("*.safetensors"))) == 2
