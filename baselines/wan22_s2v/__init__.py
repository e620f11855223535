"""Wan2.2-S2V (Wan-Video/Wan2.2): audio-driven video from an image."""

from jova_baselines.external.command import CommandBaseline
from jova_baselines.external.generator import WorkerBaseline
from jova_baselines.external.manifest import load
from jova_baselines.wan22_s2v import command, plan


def wan22_s2v(device: str) -> WorkerBaseline:
    """Builds the baseline; loads nothing."""
    return WorkerBaseline(load("wan2.2-s2v"), plan.plan, device)


def wan22_s2v_command(device: str) -> CommandBaseline:
    """Builds the baseline that runs the upstream's command line, for comparison."""
    return CommandBaseline("wan2.2-s2v-command", load("wan2.2-s2v"), plan.plan, device, command)
