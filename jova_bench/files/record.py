"""Defines what every record is: frozen, closed, and with numbers where it says numbers.

pydantic takes `true` for 1 and `"5"` for 5. What stands in a file may be damaged or written by hand: another type than
the field's is a fault, and no value to guess. A whole number may stand where any number may.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import core_schema

from jova_bench.formatting.messages import shown


def _whole(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise ValueError(f"expected a whole number, got {shown(value)}")
    return value


_WHOLE = core_schema.no_info_before_validator_function(_whole, core_schema.int_schema())["function"]


def _numbers_alone(node: Any, one_of_several: bool = False) -> Any:
    """Returns a schema, or a part of one, that takes neither truth values nor texts for numbers.

    Args:
        node: the schema.
        one_of_several: whether it is one of a union, which finds the right one by the type alone.
    """
    if isinstance(node, list | tuple):
        return type(node)(_numbers_alone(one, one_of_several) for one in node)
    if not isinstance(node, dict) or node.get("function", {}) == _WHOLE:
        return node
    if node.get("type") == "float" or (node.get("type") == "int" and one_of_several):
        return {**node, "strict": True}
    of_whole = node.get("type") == "literal" and all(type(one) is int for one in node["expected"])  # A version.
    if of_whole or node.get("type") == "int":  # Strict, it would refuse numpy's, which code of ours and others gives.
        return core_schema.no_info_before_validator_function(_whole, node)
    of_union = node.get("type") == "union"
    return {
        key: value if key in ("metadata", "serialization", "default") else _numbers_alone(value, of_union)
        for key, value in node.items()
    }


class Record(BaseModel):
    """A frozen, closed record: an unknown field is an error, never silently dropped."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants", use_attribute_docstrings=True
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Returns the schema of the fields, in which numbers are numbers alone."""
        schema: core_schema.CoreSchema = _numbers_alone(handler(source))
        return schema


class FileRecord(Record):
    """A record that is a whole file: its keys there may have other names than its fields here."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
