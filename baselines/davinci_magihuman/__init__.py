"""daVinci-MagiHuman (GAIR-NLP/daVinci-MagiHuman): one stream of text, picture and sound, by self-attention alone."""

from jova_baselines.davinci_magihuman import plan
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load


def davinci_magihuman(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("davinci-magihuman"), plan.plan, device)
