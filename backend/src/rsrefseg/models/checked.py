"""Settings that are read from JSON and checked, with whatever is wrong named."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from rsrefseg.errors import ConfigError

_Section = TypeVar("_Section", bound="Checked")


@dataclass(frozen=True)
class Checked:
    """Base of the sections: reading from JSON with unknown and missing keys named."""

    @classmethod
    def from_json(cls: type[_Section], section: str, values: Any) -> _Section:
        """Builds the section from a JSON object.

        Args:
            section: the section's name, for error messages.
            values: the decoded JSON object.

        Raises:
            ConfigError: a key is unknown, missing, or of the wrong type.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"The section '{section}' must be a JSON object.")
        fields = {f.name: f for f in dataclasses.fields(cls)}
        for key in values:
            if key not in fields:
                raise ConfigError(
                    f"'{section}.{key}' is not a known setting; known are: "
                    f"{', '.join(sorted(fields))}."
                )
        missing = [
            name
            for name, f in fields.items()
            if name not in values
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise ConfigError(f"'{section}' lacks the setting '{missing[0]}': add it.")
        checked = {k: coerce(f"{section}.{k}", fields[k].type, v) for k, v in values.items()}
        return cls(**checked)

    def to_json(self) -> dict[str, Any]:
        """The section as a JSON object, defaults included."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}


def coerce(name: str, annotation: Any, value: Any) -> Any:
    """Checks one JSON value against the (string) annotation of its field."""
    kind = str(annotation)
    if value is None and "None" in kind:
        return None
    if kind.startswith("tuple"):
        if not isinstance(value, list) or not all(_is_int(v) for v in value):
            raise ConfigError(f"'{name}' must be a list of whole numbers.")
        return tuple(value)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise ConfigError(f"'{name}' must be true or false.")
        return value
    if kind.startswith("int"):
        if not _is_int(value) or value < 0:
            raise ConfigError(f"'{name}' must be a whole number that is not negative.")
        return value
    if kind.startswith("float"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"'{name}' must be a number.")
        if not math.isfinite(value):
            raise ConfigError(f"'{name}' must be a finite number.")
        return float(value)
    if not isinstance(value, str):
        raise ConfigError(f"'{name}' must be a text.")
    return value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def positive(section: str, values: Checked, *names: str) -> None:
    """Refuses settings that are not above 0."""
    for name in names:
        if not getattr(values, name) > 0:
            raise ConfigError(f"'{section}.{name}' must be greater than 0.")


def divides(section: str, what: str, whole: int, parts_name: str, parts: int) -> None:
    """Refuses a setting that cannot be split into so many equal parts."""
    if parts < 1 or whole % parts:
        raise ConfigError(
            f"'{section}.{what}' ({whole}) must be a multiple of '{parts_name}' ({parts})."
        )


def odd(section: str, values: Checked, name: str) -> None:
    """Refuses a side without a middle; 0 means none."""
    if getattr(values, name) and not getattr(values, name) % 2:
        raise ConfigError(f"'{section}.{name}' must be odd, or 0 for none.")


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses a text that is none of the choices."""
    if value not in choices:
        raise ConfigError(f"'{name}' must be one of {', '.join(choices)}, not '{value}'.")
