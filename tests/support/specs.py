"""Specifications of metrics that are made up."""

from jova_bench.records import MetricSpec


def clip_spec(name="score", **changes):
    """Of a metric of clips with sound; more is better."""
    fields = {
        "version": 1, "profile": "standard", "backend": "made", "direction": "up", "needs": ("audio",),
        "domain": "any", "description": "made up",
    }  # fmt: skip
    return MetricSpec(name=name, **fields | changes)


def set_spec(name="spread", **changes):
    """Of a metric of sets of clips; less is better."""
    return clip_spec(name, **{"level": "set", "direction": "down"} | changes)
