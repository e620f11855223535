"""A small random checkpoint for every asset, each in its publisher's format: names, nesting, kind of file.

Networks are as narrow as their loaders allow, which read every width from the shapes; RAFT and FaceNet have one size.
What a random network would make of a metric is no use where it leaves a question without an answer, so a few numbers
are planted: detectors see a face (`planted_faces`), and SyncNet finds all sounds near all pictures.
"""

import base64
import gzip
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from jova_bench.assets import table as assets
from jova_bench.metrics.faces import litert
from jova_bench.metrics.faces.theval import VAD
from jova_bench.metrics.networks.facenet import FaceNet
from jova_bench.metrics.networks.syncnet import SyncNet
from jova_bench.metrics.signal.audio import slaney_edges_hz
from support import funasr_files, mdx_files, planted_faces, qwen_files, voice_files
from support.mediapipe_files import with_files
from support.upstream import fake_state, own_table, parity

D = 3
"""Dimensions of what set distances compare, so that ten clips are enough."""
OF_FUNASR = {name for name in assets.published() if name.startswith((funasr_files.SENSEVOICE, funasr_files.DETECTOR))}
"""Made where FunASR is installed, which alone reads them."""

OF_MEDIAPIPE = {one.asset for one in (*litert.NETWORKS, litert.ATTENTION)}
"""Linked where it is here: its files are pinned, so that nothing random can stand for it."""

OF_SILERO = {VAD}
"""Linked where it is here: speech must be heard in speech."""

OF_CTRANSLATE2 = {name for name in assets.published() if name.startswith("faster-whisper-")}
"""Made where faster-whisper is installed: CTranslate2 alone writes and reads them."""

OF_QWEN = set(qwen_files.ASSETS)
"""Made together: parts of one network and their index; one digest stands for all."""

NOT_MADE = OF_QWEN | OF_FUNASR | OF_MEDIAPIPE | OF_SILERO | OF_CTRANSLATE2


def write(folder: Path) -> str:
    """Writes every asset, under its published name. Returns the table that puts these files in the others' place."""
    files = {name: folder / assets.published()[name].file for name in WRITERS}
    for name, save in WRITERS.items():
        files[name].parent.mkdir(parents=True, exist_ok=True)
        save(files[name])
    files |= qwen_files.write(folder / qwen_files.NAME)
    if not funasr_files.missing():
        files |= funasr_files.write(folder, {name: assets.published()[name].file for name in OF_FUNASR})
    if find_spec("faster_whisper"):
        files |= faster_whisper_files(folder)
    files |= {name: with_files().path(name) for name in OF_MEDIAPIPE | OF_SILERO if not with_files().missing(name)}
    return own_table(folder, files)


def written(folder: Path, *names: str) -> dict[str, Path]:
    """Writes some assets into one folder. Returns their files."""
    files = {name: folder / assets.published()[name].file.replace("/", "-") for name in names}
    for name, file in files.items():
        WRITERS[name](file)
    return files


def faster_whisper_files(folder: Path) -> dict[str, Path]:
    """Writes a network for each size, by the names of its assets."""
    from support import ctranslate2_files  # Imports the package.

    found = {}
    for model in (name for name in OF_CTRANSLATE2 if assets.published()[name].file.endswith("/model.bin")):
        made = ctranslate2_files.write(folder / model)
        found |= {f"{model}{part}": file for part, file in made.items()}
        if f"{model}-features" in OF_CTRANSLATE2:
            found[f"{model}-features"] = folder / model / "preprocessor_config.json"
            found[f"{model}-features"].write_text(json.dumps({"feature_size": 80}))
    return found


def shapes_of(net: torch.nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in net.state_dict().items()}


def parity_state(name: str) -> dict[str, torch.Tensor]:
    """Random weights in the shapes with which parity was shown."""
    return fake_state(parity(name)["shapes"])


def aesthetic_state(name: str) -> dict[str, torch.Tensor]:
    return fake_state(parity("aesthetic")["shapes"][name])


def narrowed(name: str, layer: str) -> dict[str, torch.Tensor]:
    """The same with `D` outputs of a layer."""
    shapes = dict(parity(name)["shapes"])
    for key in (f"{layer}.weight", f"{layer}.bias"):
        shapes[key] = [D, *shapes[key][1:]]
    return fake_state(shapes)


# Sound


def torchlibrosa_matrices() -> dict[str, torch.Tensor]:
    """What Cnn14's checkpoint has: a windowed Fourier transform and Slaney's bands of equal area, 50 to 8,000 Hz."""
    n = np.arange(512)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 512)
    turns = np.exp(-2j * np.pi * np.arange(257)[:, None] * n / 512) * window
    low = 50 * 3 / 200  # 50 Hz in Slaney's mel, which is linear there
    mel = np.linspace(low, 15 + np.log(8) / (np.log(6.4) / 27), 66)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    assert np.isclose(edges[-1], slaney_edges_hz(64, 8000)[-1])
    bins = np.fft.rfftfreq(512, 1 / 16_000)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    bands = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return {
        "spectrogram_extractor.stft.conv_real.weight": torch.tensor(turns.real[:, None], dtype=torch.float32),
        "spectrogram_extractor.stft.conv_imag.weight": torch.tensor(turns.imag[:, None], dtype=torch.float32),
        "logmel_extractor.melW": torch.tensor(bands.T, dtype=torch.float32),
    }


def panns_state() -> dict[str, torch.Tensor]:
    return parity_state("panns") | torchlibrosa_matrices()


MATRICES_32K = {
    "spectrogram_extractor.stft.conv_real.weight": [513, 1, 1024],
    "spectrogram_extractor.stft.conv_imag.weight": [513, 1, 1024],
    "logmel_extractor.melW": [513, 64],
}


def narrowed_panns() -> dict[str, torch.Tensor]:
    """With `D` outputs before the classifier."""
    shapes = parity("panns")["shapes"]
    (_, inputs), (classes, _) = shapes["fc1.weight"], shapes["fc_audioset.weight"]
    return panns_state() | fake_state({"fc1.weight": [D, inputs], "fc1.bias": [D], "fc_audioset.weight": [classes, D]})


def audioclip(file: Path) -> None:
    """As published: the ear beside all else, which nothing reads."""
    state = narrowed("audioclip", "fc") | {"window": torch.hann_window(206)}
    others = {"logit_scale": torch.tensor(1.0), "visual.conv1.weight": torch.zeros(4, 3, 3, 3)}
    torch.save({f"audio.{name}": value for name, value in state.items()} | others, file)


def cnn14(state: Mapping[str, torch.Tensor], file: Path) -> None:
    """As published: the state beside the iteration and the order of the training clips."""
    torch.save({"iteration": 1, "model": state, "sampler": {"order": np.arange(3)}}, file)


def narrowed_passt() -> dict[str, torch.Tensor]:
    """With `D` channels instead of 128; queries, keys and values are as many each."""
    new = {128: D, 384: 3 * D}
    shapes = parity("passt")["shapes"]
    return fake_state({name: [new.get(side, side) for side in shape] for name, shape in shapes.items()})


def clap(kind: str, file: Path) -> None:
    """In LAION's format, with what its files hold beside."""
    extra = {
        "audio_branch.spectrogram_extractor.stft.conv_real.weight": torch.ones(513, 1, 1024),
        "audio_branch.logmel_extractor.melW": torch.ones(513, 64),
        "audio_branch.layers.0.blocks.1.attn_mask": torch.ones(64, 64, 64),
        "audio_branch.layers.0.blocks.0.attn.relative_position_index": torch.zeros(64, 64, dtype=torch.int64),
        "text_branch.embeddings.position_ids": torch.arange(82)[None],
    }
    state = fake_state(parity("clap")["cases"][kind]["shapes"]) | extra
    torch.save({"epoch": 15, "name": "x", "state_dict": {f"module.{key}": state[key] for key in state}}, file)


def transformers_clap(file: Path) -> None:
    """In the format of transformers."""
    from transformers import ClapConfig, ClapModel

    audio = {
        "patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 2, 1, 1], "num_attention_heads": [1, 2, 2, 4],
    }  # fmt: skip
    text = {
        "vocab_size": 40, "hidden_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
        "max_position_embeddings": 82,
    }  # fmt: skip
    net = ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=32))
    learned = fake_state({name: list(value.shape) for name, value in net.named_parameters()})
    save_file({name: learned.get(name, value).contiguous() for name, value in net.state_dict().items()}, file)


WORDS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz", "Ġ")


def spelling_tokenizer(file: Path) -> None:
    """RoBERTa's kind of tokenizer, with letters for words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    spell = Tokenizer(models.BPE({word: n for n, word in enumerate(WORDS)}, [], unk_token="<unk>"))
    spell.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spell.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    spell.save(str(file))


def whisper_vocabulary(words: int, file: Path) -> Path:
    """Token n says " n"; 220 is the lone space, as in both vocabularies of OpenAI."""
    said = (b" " if n == 220 else f" {n}".encode() for n in range(words))
    file.write_text("".join(f"{base64.b64encode(token).decode()} {n}\n" for n, token in enumerate(said)))
    return file


def whisper(case: Mapping[str, object], file: Path) -> Path:
    """In OpenAI's format, with the sizes of one of the cases of parity."""
    torch.save({"dims": case["dims"], "model_state_dict": fake_state(case["shapes"])}, file)
    return file


def whisper_case(name: str) -> Mapping[str, object]:
    """Sizes for an asset: 99 languages; 100 since large-v3; English only."""
    hundred, english = name.startswith("whisper-large-v3"), name.endswith("-en")
    return parity("whisper")["cases"][1 if hundred else 2 if english else 0]


# Pictures, and both


def syncnet_state() -> dict[str, torch.Tensor]:
    """All embeddings lie near one point far from 0, so that what stands beyond the edges of a clip is no match.

    The syncnet-python package, where it is installed, takes the published size alone.
    """
    narrow = shapes_of(SyncNet(audio_channels=[4] * 6, video_channels=[4] * 6, hidden=8, width=8))
    state = fake_state(parity("syncnet")["shapes"] if find_spec("syncnet_python") else narrow)
    for tower in ("netfclip", "netfcaud"):
        state[f"{tower}.3.bias"].fill_(100)
    return state


def facenet(file: Path) -> None:
    """As published: with a classifier."""
    classifier = {"logits.weight": torch.zeros(8631, 512), "logits.bias": torch.zeros(8631)}
    torch.save({**fake_state(shapes_of(FaceNet())), **classifier}, file)


class Script(torch.nn.Module):
    """Takes what StyleGAN-V's network takes."""

    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool) -> torch.Tensor:
        assert return_features
        assert not rescale
        assert not resize
        return torch.cat([x.mean(dim=(2, 3, 4)), x.amax(dim=(1, 2, 3, 4))[:, None]], dim=1)


def clip_b32() -> dict[str, torch.Tensor]:
    """Both halves of CLIP ViT-B/32."""
    return fake_state(parity("text_video")["clip"])


def clip_l14(file: Path) -> None:
    """Both halves of CLIP ViT-L/14, as published, with numbers that follow from the sizes."""
    state = aesthetic_state("clip")
    width = state["visual_projection.weight"].shape[0]
    shapes = {name: shape for name, shape in parity("text_video")["clip"].items() if name.startswith("text_")}
    state |= fake_state(shapes | {"text_projection.weight": [width, shapes["text_projection.weight"][1]]})
    for half in ("vision_model", "text_model"):
        positions = torch.arange(state[f"{half}.embeddings.position_embedding.weight"].shape[0])[None]
        state[f"{half}.embeddings.position_ids"] = positions
    save_file(state, file)


def clip_vocabulary(file: Path) -> Path:
    """A few joins in the format of CLIP's, whose file begins with a line that says what it is."""
    file.write_bytes(gzip.compress("\n".join(["#version: 0.2", *parity("text_video")["joins"]]).encode()))
    return file


def imagebind(file: Path) -> None:
    """Pictures, sounds and texts, as published."""
    torch.save(parity_state("imagebind") | fake_state(parity("text_video")["imagebind"]), file)


def topiq(kind: str, file: Path) -> None:
    """As published: what it learnt under one key."""
    torch.save({"params": fake_state(parity("topiq")["shapes"][kind])}, file)


TEXT = {"text_model.final_layer_norm.weight": torch.ones(4), "logit_scale": torch.tensor(1.0)}
"""Of the half of a network that no picture goes through."""
SWIN_BUFFER = {"swintransformer1.layers.0.blocks.1.attn_mask": torch.zeros(4, 16, 16)}
WRITERS: Mapping[str, Callable[[Path], object]] = {
    "imagebind-huge": imagebind,
    "synchformer": lambda file: torch.save(parity_state("desync"), file),
    **{
        name: partial(whisper, whisper_case(name))
        for name in assets.published()
        if name.startswith("whisper-") and "vocabulary" not in name
    },
    "whisper-vocabulary": partial(whisper_vocabulary, 50257),
    "whisper-vocabulary-en": partial(whisper_vocabulary, 50256),
    "raft-things": lambda file: torch.save(parity_state("raft"), file),
    "amt-s": lambda file: torch.save({"epoch": 300, "state_dict": parity_state("amt")}, file),
    "i3d": lambda file: torch.save(narrowed("i3d", "logits.conv3d"), file),
    "i3d-torchscript": lambda file: torch.jit.script(Script()).save(file),
    "vggish": lambda file: torch.save(narrowed("vggish", "embeddings.4"), file),
    "audioclip": audioclip,
    "panns-cnn14-16k": lambda file: cnn14(narrowed_panns(), file),
    "panns-cnn14-32k": lambda file: cnn14(narrowed_panns() | fake_state(MATRICES_32K), file),
    "passt": lambda file: torch.save(narrowed_passt(), file),
    "clip-vit-l14": clip_l14,
    "clip-vit-b32": lambda file: torch.save(clip_b32(), file),
    "clip-vocabulary": clip_vocabulary,
    "viclip-l14": lambda file: save_file(fake_state(parity("text_video")["viclip"]), file),
    "laion-aesthetic": lambda file: torch.save(aesthetic_state("laion"), file),
    "laion-linear": lambda file: torch.save(fake_state(parity("vbench")["linear"]), file),
    "dino-vitb16": lambda file: torch.save(fake_state(parity("vbench")["dino"]), file),
    "siglip-so400m": lambda file: save_file(aesthetic_state("siglip") | TEXT, file),
    "aesthetic-v2-5": lambda file: torch.save(OrderedDict(aesthetic_state("head")), file),
    "musiq-koniq": lambda file: torch.save({f"module.{k}": v for k, v in aesthetic_state("musiq").items()}, file),
    "musiq-spaq": lambda file: torch.save({f"module.{k}": v for k, v in aesthetic_state("musiq").items()}, file),
    "topiq-iaa": partial(topiq, "iaa"),
    "topiq-face": partial(topiq, "face"),
    "topiq-face-v1": partial(topiq, "face"),
    "retinaface-r50": planted_faces.retinaface,
    "retinaface-r50v2": planted_faces.retinaface_v2,
    "facexformer": lambda file: torch.save(
        {"state_dict_backbone": fake_state(parity("head_theval")["facexformer"])}, file
    ),
    "maniqa-koniq10k": lambda file: torch.save(aesthetic_state("maniqa") | SWIN_BUFFER, file),
    "clap-music-speech-audioset": partial(clap, "plain"),
    "clap-630k-audioset-fusion": partial(clap, "fusion"),
    "clap-htsat-unfused": transformers_clap,
    "roberta-tokenizer": spelling_tokenizer,
    "syncnet": lambda file: torch.save(syncnet_state(), file),
    "scrfd": planted_faces.scrfd,
    "arcface-r50": planted_faces.arcface,
    "audiobox-aesthetics": lambda file: save_file(parity_state("aesthetics"), file),
    "audiobox-aesthetics-config": lambda file: file.write_text(json.dumps(parity("aesthetics")["config"])),
    "s3fd": lambda file: torch.save(planted_faces.s3fd_state(), file),
    "facenet-vggface2": facenet,
    "dinov3-vitl16": lambda file: save_file(parity_state("dinov3"), file),
    **voice_files.WRITERS,
    "kim-vocal-2": mdx_files.mixing,
    "utmos22-strong": lambda file: torch.save(parity_state("utmos"), file),
    "nisqa-v2": lambda file: torch.save({"args": {"ms_n_mels": 48}, "model_state_dict": parity_state("nisqa")}, file),
}
"""What writes the file of each asset."""
