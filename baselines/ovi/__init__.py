"""Ovi (character-ai/Ovi): twin backbones for picture and sound that attend to each other."""

from jova_baselines.external.command import CommandBaseline
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.ovi import command, plan


def ovi(device: str) -> WorkerBaseline:
    """Builds the baseline; nothing is loaded."""
    return WorkerBaseline(load("ovi"), plan.plan, device)


def ovi_command(device: str) -> CommandBaseline:
    """The same by upstream's own command line, to compare with."""
    return CommandBaseline("ovi-command", load("ovi"), plan.plan, device, command)
