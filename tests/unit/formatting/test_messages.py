"""Parts of messages: values of any length, and every fault of a record, one for each field, in one line."""

from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field, ValidationError

from jova_bench.errors import BenchError, Refused, reason_of
from jova_bench.formatting.messages import LONGEST, faults_of, shown
from jova_bench.records import Record


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ([1, "b"], "[1, 'b']"),
        ({"a": None}, "{'a': None}"),
        (np.zeros((2, 2)), "array([[0., 0.], [0., 0.]])"),
        ("x" * 78, f"'{'x' * 78}'"),
        ("x" * 79, f"'{'x' * 76}..."),
        (list(range(100)), "a list of 100"),
        (tuple("x" * 100), "a list of 100"),
        (dict.fromkeys(range(100)), "an object of 100"),
    ],
)
def test_a_value_takes_no_more_than_a_part_of_a_line(value, text):
    assert shown(value) == text
    assert len(shown(value)) <= LONGEST


class Inner(Record):
    count: Annotated[int, Field(ge=1)] = 1


class Outer(Record):
    name: str
    number: int | float = 1
    several: dict[str, bool | int | str] = {}  # noqa: RUF012
    kind: Literal["a", "b"] = "a"
    inner: Inner | None = None
    pair: Annotated[tuple[int, ...], Field(min_length=2)] = (1, 2)


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({}, ["name: expected a value, got none"]),
        ({"name": b"\xff", "kind": "c"}, [r"name: expected a text, got b'\xff'", "kind: expected 'a' or 'b', got 'c'"]),
        ({"name": "", "number": "x"}, ["number: expected a number, got 'x'"]),
        ({"name": "", "several": {"x": None, "str": []}},
         ["several.x: expected true or false, a whole number or a text, got None",
          "several.str: expected true or false, a whole number or a text, got []"]),
        ({"name": "", "inner": {"count": 0}}, ["inner.count: expected greater than or equal to 1, got 0"]),
        ({"name": "", "inner": 3}, ["inner: expected an object, got 3"]),
        ({"name": "", "inner": {"cuont": 1}}, ["inner.cuont: unknown field"]),
        ({"name": "", "numbr": 1}, ["numbr: unknown field; did you mean 'number'?"]),
        ({"name": "", "pair": [1]}, ["pair: expected at least 2 items, got [1]"]),
        ([], ["expected an object, got []"]),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_is_one_fault_in_our_words(fields, faults):
    with pytest.raises(ValidationError) as error:
        Outer.model_validate(fields)
    assert faults_of(error.value, Outer.model_fields) == faults
    assert reason_of(error.value) == f"Outer: {faults[0].partition('; did')[0]}"


def test_the_reason_of_an_error_is_one_line():
    assert reason_of(BenchError("two\nlines")) == "two lines"
    assert reason_of(KeyError("x")) == "KeyError: 'x'"
    # Tables repeat it for every metric.
    assert reason_of(Refused("no " * 300_000)) == f"{'no ' * 666}no... (899,999 characters)"
