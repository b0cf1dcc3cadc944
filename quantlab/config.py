"""Typed, frozen settings from plain dictionaries, and the fingerprint that names a run.

A settings class lists every key with its meaning and range. Unknown keys are refused with the
nearest valid name, so that a misspelt option never silently does nothing.
"""

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pydantic

from quantlab.errors import ConfigError

FINGERPRINT_DECIMALS = 9
SHORT_FINGERPRINT = 12


class Settings(pydantic.BaseModel):
    """Base of all settings: keyword-only, frozen, unknown keys and non-finite numbers refused."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def parse(cls, values: Mapping[str, Any], *, where: str = "settings") -> Self:
        """Build the settings from a plain mapping.

        Parameters
        ----------
        values : Mapping[str, Any]
            Keys and values as read from YAML, JSON or the command line.
        where : str
            How to name the mapping in messages, a file name for instance.

        Returns
        -------
        Self
            The checked, frozen settings.

        Raises
        ------
        ConfigError
            A key is unknown, a value has the wrong type or lies outside its range. The message
            gives the key's path, the value and, for an unknown key, the nearest valid one.
        """
        try:
            return cls.model_validate(dict(values))
        except pydantic.ValidationError as error:
            lines = [_describe(cls, detail) for detail in error.errors()]
            raise ConfigError(f"{where}: " + "; ".join(lines)) from None


def _describe(root: type[pydantic.BaseModel], detail: Any) -> str:
    path = ".".join(str(part) for part in detail["loc"]) or "(top level)"
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{path}'{_suggest(root, detail['loc'])}"
    if detail["type"] == "missing":
        return f"'{path}' is required"
    message = detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = "" if isinstance(given, Mapping) else f", given {given!r}"
    return f"'{path}': {message}{shown}"


def _suggest(root: type[pydantic.BaseModel], loc: tuple[Any, ...]) -> str:
    """Name the valid key nearest to the unknown last part of `loc`."""
    holder: Any = root
    for part in loc[:-1]:
        field = holder.model_fields.get(part) if hasattr(holder, "model_fields") else None
        holder = field.annotation if field is not None else None
        if not hasattr(holder, "model_fields"):
            return ""
    names = sorted(holder.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; valid keys are {', '.join(names)}"


def fingerprint(value: Any) -> str:
    """Hash a value by content: SHA-256 of its canonical JSON form.

    Reals are rounded to nine decimals first, so that ``0.1 * 3`` and ``0.3`` name the same run.

    Parameters
    ----------
    value : Any
        Settings, frozen dataclasses, mappings, sequences, text, numbers, booleans, paths, None.

    Returns
    -------
    str
        64 hexadecimal characters; show the first twelve.

    Raises
    ------
    ConfigError
        A number is not finite, or a value has no canonical form.

    Examples
    --------
    >>> fingerprint({"lam": 0.1 * 3}) == fingerprint({"lam": 0.3})
    True
    """
    text = json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        return _canonical(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _canonical(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"a fingerprint needs finite numbers, given {value}")
        rounded = round(value, FINGERPRINT_DECIMALS)
        return int(rounded) if rounded == int(rounded) else rounded
    if isinstance(value, Path):
        return value.as_posix()
    raise ConfigError(f"no canonical form for {type(value).__name__}: {value!r}")
