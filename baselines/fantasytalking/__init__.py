"""FantasyTalking (Fantasy-AMAP/fantasy-talking): audio-driven talking portraits."""

from jova_baselines.external.command import CommandBaseline
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.fantasytalking import command, plan


def fantasytalking(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("fantasytalking"), plan.plan, device)


def fantasytalking_command(device: str) -> CommandBaseline:
    """Builds the baseline that runs the upstream's command line, for comparison."""
    return CommandBaseline("fantasytalking-command", load("fantasytalking"), plan.plan, device, command)
