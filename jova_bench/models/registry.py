"""The models by name: those that ship, those of installed packages, and folders of clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jova_bench.errors import BenchError
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
    "ltx-2": "jova_baselines.ltx_2:ltx_2",
    "ltx-2-image": "jova_baselines.ltx_2:ltx_2_image",
    "mova": "jova_baselines.mova:mova",
    "latentsync": "jova_baselines.latentsync:latentsync",
    "javisdit": "jova_baselines.javisdit:javisdit",
    "wan2.2-ti2v": "jova_baselines.wan22_ti2v:wan22_ti2v",
    "wan2.2-ti2v-image": "jova_baselines.wan22_ti2v:wan22_ti2v_image",
    "mmaudio": "jova_baselines.mmaudio:mmaudio",
    "pocket-tts": "jova_baselines.pocket_tts:pocket_tts",
    "wan2.2-ti2v-mmaudio": "jova_baselines.cascades:wan22_ti2v_mmaudio",
    "wan2.2-ti2v-mmaudio-image": "jova_baselines.cascades:wan22_ti2v_mmaudio_image",
    "pocket-tts-wan2.2-s2v": "jova_baselines.cascades:pocket_tts_wan22_s2v",
    "pocket-tts-fantasytalking": "jova_baselines.cascades:pocket_tts_fantasytalking",
}
"""Name to factory; `clips:DIR` is built here."""
CONTROLS: tuple[str, ...] = ("real", "codec", "silence", "still", "shuffled", "shifted", "unedited")
"""Models that show a metric's top and floor; they stand at the bottom of a leaderboard."""
FOLDER_PREFIX = "clips:"


def model_registry() -> Registry[ModelFactory]:
    """Returns the registry of the models that ship and those that other packages add as entry points."""
    return Registry("model", MODELS, "jova_bench.models")


def create_model(name: str, device: str) -> Generator:
    """Builds the model called `name`; `clips:DIR` is a folder of clips.

    Raises:
        BenchError: no model has that name, or the folder has no clips.
    """
    if name.startswith(FOLDER_PREFIX):
        return ClipsFolder(Path(name.removeprefix(FOLDER_PREFIX)))
    registry = model_registry()
    factory = registry.load(name)
    if name in MODELS:
        return factory(device)

    def built() -> Generator:
        model = factory(device)
        if why := unfit_model(model):
            raise BenchError(why)
        return model

    return guarded(f"the model {name!r} of an installed package ({registry.entries[name]}) cannot be built", built)
