"""FantasyTalking (Fantasy-AMAP/fantasy-talking): a portrait that speaks the sound it is given."""

from jova_baselines.external.command import CommandBaseline
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.fantasytalking import command, plan


def fantasytalking(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("fantasytalking"), plan.plan, device)


def fantasytalking_command(device: str) -> CommandBaseline:
    """The same by upstream's own command line, to compare with."""
    return CommandBaseline("fantasytalking-command", load("fantasytalking"), plan.plan, device, command)
