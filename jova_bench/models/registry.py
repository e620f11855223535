"""The models by name: those that ship, those of installed packages, folders of clips, and models with other weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from jova_bench.errors import BenchError
from jova_bench.formatting.messages import shown
from jova_bench.models.base import Generator, ModelFactory
from jova_bench.models.check import unfit_model
from jova_bench.models.folder import ClipsFolder
from jova_bench.registry import Registry, guarded

MODELS: Mapping[str, str] = {
    "jova": "jova_baselines.jova:jova",
    "jova-image": "jova_baselines.jova:jova_image",
    "jova-bfloat16": "jova_baselines.jova:jova_bfloat16",
    "jova-edit": "jova_baselines.jova_edit:jova_edit",
    "jova-ablation": "jova_baselines.trained:jova_ablation",
    "twin-towers": "jova_baselines.trained:twin_towers",
    "independent-towers": "jova_baselines.trained:independent_towers",
    "cascade": "jova_baselines.trained:cascade",
    "real": "jova_baselines.controls:real",
    "codec": "jova_baselines.jova:codec",
    "silence": "jova_baselines.controls:silence",
    "still": "jova_baselines.controls:still",
    "shuffled": "jova_baselines.controls:shuffled",
    "shifted": "jova_baselines.controls:shifted",
    "unedited": "jova_baselines.unedited:unedited",
    "ovi": "jova_baselines.ovi:ovi",
    "ovi-command": "jova_baselines.ovi:ovi_command",
    "universe-1": "jova_baselines.universe_1:universe_1",
    "wan2.2-s2v": "jova_baselines.wan22_s2v:wan22_s2v",
    "wan2.2-s2v-command": "jova_baselines.wan22_s2v:wan22_s2v_command",
    "fantasytalking": "jova_baselines.fantasytalking:fantasytalking",
    "fantasytalking-command": "jova_baselines.fantasytalking:fantasytalking_command",
    "longcat-video-avatar-1.5": "jova_baselines.longcat_video_avatar_15:longcat_video_avatar_15",
    "infinitetalk": "jova_baselines.infinitetalk:infinitetalk",
    "ltx-2": "jova_baselines.ltx_2:ltx_2",
    "ltx-2-image": "jova_baselines.ltx_2:ltx_2_image",
    "ltx-2.3": "jova_baselines.ltx_23:ltx_23",
    "ltx-2.3-image": "jova_baselines.ltx_23:ltx_23_image",
    "ltx-2.5": "jova_baselines.ltx_25:ltx_25",
    "ltx-2.5-image": "jova_baselines.ltx_25:ltx_25_image",
    "kandinsky-6": "jova_baselines.kandinsky_6:kandinsky_6",
    "kandinsky-6-image": "jova_baselines.kandinsky_6:kandinsky_6_image",
    "mova": "jova_baselines.mova:mova",
    "davinci-magihuman": "jova_baselines.davinci_magihuman:davinci_magihuman",
    "omniavatar": "jova_baselines.omniavatar:omniavatar",
    "latentsync": "jova_baselines.latentsync:latentsync",
    "musetalk": "jova_baselines.musetalk:musetalk",
    "javisdit": "jova_baselines.javisdit:javisdit",
    "wan2.2-ti2v": "jova_baselines.wan22_ti2v:wan22_ti2v",
    "wan2.2-ti2v-image": "jova_baselines.wan22_ti2v:wan22_ti2v_image",
    "mmaudio": "jova_baselines.mmaudio:mmaudio",
    "hunyuanvideo-foley": "jova_baselines.hunyuanvideo_foley:hunyuanvideo_foley",
    "pocket-tts": "jova_baselines.pocket_tts:pocket_tts",
    "wan2.2-ti2v-mmaudio": "jova_baselines.cascades:wan22_ti2v_mmaudio",
    "wan2.2-ti2v-mmaudio-image": "jova_baselines.cascades:wan22_ti2v_mmaudio_image",
    "wan2.2-ti2v-hunyuanvideo-foley": "jova_baselines.cascades:wan22_ti2v_hunyuanvideo_foley",
    "wan2.2-ti2v-hunyuanvideo-foley-image": "jova_baselines.cascades:wan22_ti2v_hunyuanvideo_foley_image",
    "pocket-tts-wan2.2-s2v": "jova_baselines.cascades:pocket_tts_wan22_s2v",
    "pocket-tts-fantasytalking": "jova_baselines.cascades:pocket_tts_fantasytalking",
    "diffusers": "jova_baselines.any_pipeline:any_pipeline",
    "v1-videos": "jova_baselines.served:v1_videos",
}
"""Name to factory; `clips:DIR` is built here."""
CONTROLS: tuple[str, ...] = ("real", "codec", "silence", "still", "shuffled", "shifted", "unedited")
"""Models that show a metric's top and floor; they stand at the bottom of a leaderboard."""
FOLDER_PREFIX = "clips:"


def model_registry() -> Registry[ModelFactory]:
    """Returns the registry of the models that ship and those that other packages add as entry points."""
    return Registry("model", MODELS, "jova_bench.models")


def with_folder(name: str, change: Callable[[str], object]) -> str:
    """Returns the name of a model with another path of its folder, if it is a `NAME:DIR`."""
    known, colon, folder = name.partition(":")
    return f"{known}:{change(folder)}" if colon else name


def create_model(name: str, device: str) -> Generator:
    """Builds the model called `name`.

    `clips:DIR` is a folder of clips, `NAME:DIR` a model with the weights in DIR, `v1-videos:URL#MODEL` one of a server,
    `diffusers:OWNER/NAME@COMMIT` a pipeline of that repository of the Hugging Face Hub.

    Raises:
        BenchError: no model has that name, the folder has no clips, the model takes no weights of a user, or cannot
            use those in DIR, or the server does not answer.
    """
    if name.startswith(FOLDER_PREFIX):
        return ClipsFolder(Path(name.removeprefix(FOLDER_PREFIX)))
    known, colon, folder = name.partition(":")
    registry = model_registry()
    factory = registry.load(known)
    if colon:
        factory = _addressed(known, factory, folder)
    of_a_folder = colon and "weights" in _arguments(factory)

    def built() -> Generator:
        model = factory(device)
        if known not in MODELS and (why := unfit_model(model)):
            raise BenchError(why)
        # A folder is an argument like any other: a wrong one ends the command, where missing weights of a name alone,
        # and those of a repository, are for the run to record.
        if of_a_folder and isinstance(why := model.check(), str):
            raise BenchError(f"cannot run {shown(name)}: {why}")
        return model

    if known in MODELS:
        return built()

    return guarded(f"the model {known!r} of an installed package ({registry.entries[known]}) cannot be built", built)


def _addressed(name: str, factory: ModelFactory, folder: str) -> ModelFactory:
    """Returns what builds a model of a server, or with the weights in a folder.

    Raises:
        BenchError: the model takes neither, or the folder is none.
    """
    takes = _arguments(factory)
    if "address" in takes:
        return cast(ModelFactory, partial(cast(Any, factory), address=folder))
    if "weights" not in takes:
        raise BenchError(
            f"expected a model that takes a folder of weights, such as jova, got {name!r}; leave out the ':'"
        )
    if not folder or not Path(folder).is_dir():
        raise BenchError(f"expected {name}:DIR with the folder of a training, got {shown(folder)}")
    return cast(ModelFactory, partial(cast(Any, factory), weights=Path(folder)))


def _arguments(factory: ModelFactory) -> set[str]:
    try:
        return set(inspect.signature(factory).parameters)
    except ValueError:  # Compiled code may say nothing of itself.
        return set()
