"""A sweep, as `sweep.json` says it."""

LSE_C = {"metric": "lse_c", "identity": "lse_c@1/embedded:a[00]"}


def value(arm, seed, value, interval, control=False):
    return LSE_C | {"arm": arm, "control": control, "training_seed": seed, "value": value, "interval": interval}


def claimed(arm, verdict, text, least, most, test=None):
    ends = {"least_difference": least, "greatest_difference": most, "over_trainings": test}
    return LSE_C | ends | {"arm": arm, "verdict": verdict, "text": text}


SWEEP = {
    "schema": 1,
    "sweep": "mouth-loss",
    "description": "how much the mouth weighs",
    "base": {"weight": 5, "box": "mouth"},
    "metrics": [LSE_C | {"direction": "up"}],
    "arms": [
        {"arm": "base", "changed": {}},
        {"arm": "weight=10", "changed": {"weight": 10}},
        {"arm": "weight=0", "changed": {"weight": 0}},
    ],
    "values": [
        value("base", 0, 2.0, (1.5, 3.0)),
        value("weight=10", 0, 2.5, None),
        value("weight=0", 0, 1.0, (0.5, 1.25)),
        value("base", 1, 2.25, (2.0, 2.5)),
        value("weight=0", 1, None, None),
        value("real", None, 4.0, (3.0, 5.0), control=True),
    ],
    "claims": [
        claimed("weight=10", "no claim", "better in the one pair, but with one training on a side: these", 0.5, 0.5),
        claimed("weight=0", "worse", "worse in all 2 pairs of trainings", -1.25, -1.0),
    ],
}
