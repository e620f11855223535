"""Seeded damage to files: what people, other programs, disks and attackers do to JSON, TOML, tables and media."""

import copy
import json
import traceback

from jova_bench.errors import BenchError

VALUES = (
    None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e308, -1e308, 1e-320, 10**20, -(10**20), 2**63, 10**307, "", "x", "..",
    "../x", "/etc/passwd", "a\nb", "=1+1", "|", "`", "é", "日本", "\u202e", "x" * 5000, "nan", "1", "a=b", "=", [], {},
    [[]], [None], ["x"], [1, 2, 3], {"x": 1}, {"": {}}, [{"a": [{}]}],
)  # fmt: skip
"""Of every kind that JSON has, and the edges of each."""
RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000, '"\\u0000"', '"\\ud800"', "[" * 2000 + "]" * 2000,
    '{"a": 1, "a": 2}', '"' + "y" * 70000 + '"', "tru", "'x'", "",
)  # fmt: skip
"""What JSON cannot say, or hardly can, in the place of a value."""
_MARK = "@@here@@"


def places(value, at=()):
    """Paths of every value inside of a value."""
    found = [at]
    if isinstance(value, dict):
        found += [path for key, one in value.items() for path in places(one, (*at, key))]
    elif isinstance(value, list):
        found += [path for i, one in enumerate(value) for path in places(one, (*at, i))]
    return found


def mutated(value, rng):
    """JSON of a value with something wrong at one place or a few."""
    value = copy.deepcopy(value)
    raw = None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.choice(places(value))
        if not at:
            value = copy.deepcopy(rng.choice(VALUES)) if rng.random() < 0.2 else value
            continue
        inside = value
        for key in at[:-1]:
            inside = inside[key]
        key, kind = at[-1], rng.randrange(7)
        if kind <= 2:
            inside[key] = copy.deepcopy(rng.choice(VALUES))
        elif kind == 3:
            del inside[key]
        elif kind == 4 and isinstance(inside, dict):
            inside[rng.choice(("schema", "extra", "", "seed", "value"))] = copy.deepcopy(rng.choice(VALUES))
        elif kind == 4:
            inside.insert(key, copy.deepcopy(inside[rng.randrange(len(inside))]))
        elif kind == 5:
            # A value of the same file in another's place.
            other = value
            for step in rng.choice(places(value)):
                other = other[step]
            inside[key] = copy.deepcopy(other)
        else:
            raw = rng.choice(RAW)
            inside[key] = _MARK
    text = json.dumps(value)
    return text if raw is None else text.replace(f'"{_MARK}"', raw)


def damaged(content, rng):
    """Bytes with a few changed, a part gone, doubled or of zeros, or an end that is missing."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if not content:
            break
        at, length, kind = rng.randrange(len(content)), rng.choice((1, 1, 4, 64, 1024)), rng.randrange(6)
        if kind <= 1:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            content[at : at + length] = rng.randbytes(length)
        elif kind == 3:
            del content[at : len(content) if rng.random() < 0.4 else at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length]
        else:
            content[at : at + length] = bytes(length)
    return bytes(content)


def refusal(about, call):
    """One line of why a call refused its input, or None when it took it; any other end fails with the input."""
    why_not = None
    try:
        call()
    except BenchError as error:
        why_not = str(error)
    except BaseException as error:
        raise AssertionError(f"{about}: {''.join(traceback.format_exception(error))[-3000:]}") from error
    assert "\n" not in (why_not or ""), f"{about}: {why_not}"
    return why_not
