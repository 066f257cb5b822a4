"""Readers for JSON that came over the wire: a value of the wanted type, or one clear error.

Fields that are not asked for are dropped, so that a newer engine may say more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rsrefseg_qgis.errors import EngineProtocolError, tr

Item = TypeVar("Item")
Json = Mapping[str, Any]


def load(body: bytes) -> Json:
    """Parse a body that must be a JSON object.

    Raises:
        EngineProtocolError: it is not.
    """
    try:
        data = json.loads(body.decode("utf-8"))
    except ValueError as error:  # bad JSON and bad UTF-8 alike
        raise _misunderstood("", "JSON") from error
    return as_object(data, "")


def as_object(value: object, field: str) -> Json:
    """The value as a JSON object."""
    if not isinstance(value, dict):
        raise _misunderstood(field, "object")
    return value


def text(data: Json, field: str) -> str:
    """A field that must be a string."""
    value = data.get(field)
    if not isinstance(value, str):
        raise _misunderstood(field, "text")
    return value


def text_or_none(data: Json, field: str) -> str | None:
    """A field that may be absent or null, else a string."""
    return None if data.get(field) is None else text(data, field)


def number(data: Json, field: str) -> float:
    """A field that must be a number."""
    return as_number(data.get(field), field)


def number_or_none(data: Json, field: str) -> float | None:
    """A field that may be absent or null, else a number."""
    return None if data.get(field) is None else number(data, field)


def integer(data: Json, field: str) -> int:
    """A field that must be a whole number."""
    value = data.get(field)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _misunderstood(field, "whole number")
    return value


def integer_or(data: Json, field: str, default: int) -> int:
    """A field that may be absent or null, else a whole number."""
    return default if data.get(field) is None else integer(data, field)


def part(data: Json, field: str, read: Callable[[Json], Item]) -> Item | None:
    """A field that may be absent or null, else an object that ``read`` understands."""
    value = data.get(field)
    return None if value is None else read(as_object(value, field))


def as_number(value: object, field: str) -> float:
    """The value as a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _misunderstood(field, "number")
    return float(value)


def items(data: Json, field: str, read: Callable[[object, str], Item]) -> tuple[Item, ...]:
    """A field that must be a list; ``read`` is called with each value and the field's name."""
    value = data.get(field)
    if not isinstance(value, list):
        raise _misunderstood(field, "list")
    return tuple(read(item, field) for item in value)


def as_text(value: object, field: str) -> str:
    """The value as a string."""
    if not isinstance(value, str):
        raise _misunderstood(field, "text")
    return value


def numbers(data: Json, field: str) -> dict[str, float]:
    """A field that must be an object of numbers; what is not a number in it is dropped."""
    return {
        name: float(value)
        for name, value in as_object(data.get(field), field).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _misunderstood(field: str, wanted: str) -> EngineProtocolError:
    where = tr("“{field}” is no {wanted}").format(field=field or "answer", wanted=wanted)
    return EngineProtocolError(
        tr(
            "The engine's answer is not understood ({where}); repair the engine in the "
            "plugin's settings so that both are of the same version."
        ).format(where=where)
    )
