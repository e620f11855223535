"""A tiny random Qwen2.5-VL in the format of transformers: four parts, their index, settings, and tokens of one byte."""

import json

import torch

from jova_bench.assets import table as assets

NAME = "videoscore2"
ASSETS = tuple(name for name in assets.published() if name.partition("-")[0] == NAME)
MARKS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


def tokens():
    """Each byte is a token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    return made


def network(spell):
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    text = {
        "vocab_size": spell.get_vocab_size(), "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]},
    }  # fmt: skip
    vision = {
        "depth": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 32, "out_hidden_size": 32,
        "fullatt_block_indexes": [1], "tokens_per_second": 2,
    }  # fmt: skip
    ids = {
        "video_token_id": spell.token_to_id("<|video_pad|>"), "image_token_id": spell.token_to_id("<|image_pad|>"),
        "vision_start_token_id": spell.token_to_id("<|vision_start|>"),
        "vision_end_token_id": spell.token_to_id("<|vision_end|>"),
    }  # fmt: skip
    torch.manual_seed(0)
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids))


def write(folder):
    """Writes the files of every asset of the model; returns them by the asset's name."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    spell = tokens()
    spell.save(str(folder / "tokenizer.json"))
    network(spell).save_pretrained(folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    places = {}
    parts = [name for name in ASSETS if "-part-" in name]
    for k, part in enumerate(parts):
        file = assets.published()[part].file.split("/")[-1]
        names = list(state)[k :: len(parts)]
        save_file({name: state[name] for name in names}, folder / file, {"format": "pt"})
        places |= dict.fromkeys(names, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    stops = [spell.token_to_id("<|im_end|>"), spell.token_to_id("<|endoftext|>")]
    own = {"do_sample": True, "temperature": 1e-6, "repetition_penalty": 1.05}
    own |= {"eos_token_id": stops, "pad_token_id": stops[1]}
    (folder / "generation_config.json").write_text(json.dumps(own))
    return {name: folder / assets.published()[name].file.split("/")[-1] for name in ASSETS}
