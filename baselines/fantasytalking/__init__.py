"""FantasyTalking (Fantasy-AMAP/fantasy-talking): a portrait that speaks the sound it is given."""

from baselines.external.generator import WorkerBaseline
from baselines.external.manifest import load
from baselines.fantasytalking import plan


def fantasytalking(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("fantasytalking"), plan.plan, device)
