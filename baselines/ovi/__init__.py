"""Ovi (character-ai/Ovi): joint video-audio generation by twin backbones with cross-attention."""

from jova_baselines.external.command import CommandBaseline
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.ovi import command, plan


def ovi(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("ovi"), plan.plan, device)


def ovi_command(device: str) -> CommandBaseline:
    """Builds the baseline that runs the upstream's command line, for comparison."""
    return CommandBaseline("ovi-command", load("ovi"), plan.plan, device, command)
