"""Types of the schema's fields: values with a unit, plain scalars, names. Each knows its own complaint."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runner.campaign.scenario import parse_scenario
from runner.domain.parameters import Scalar as DomainScalar
from runner.domain.units import format_duration, parse_duration

DURATION_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d)\s*)+$"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_LARGEST = 2**53
"""Whole numbers beyond it are not the same in JSON, YAML and SQL."""


def complaint(slug: str, what: str, hint: str | None = None) -> PydanticCustomError:
    """An error of our own wording. `what` may hold anything: it is passed as data, not as a template."""
    return PydanticCustomError(slug, "{what}", {"what": what, "hint": hint})


def spelled(value: Any) -> str:
    """A value as the author wrote it, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return repr(value)


def _duration(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise complaint("wrong-unit", f"{value} has no unit", f"write {value}s, {value}m or {value}h")
    if not isinstance(value, str):
        raise complaint("wrong-type", f"must be a duration such as 30s, not {spelled(value)}")
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise complaint("wrong-unit", str(error)) from None
    if seconds <= 0:
        raise complaint("wrong-value", f"{value!r} must be longer than nothing")
    return seconds


def _scalar(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise complaint("wrong-type", f"must be a text, a number, true or false, not {spelled(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise complaint("wrong-value", "must be a finite number")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise complaint("wrong-value", f"{value} is too large")
    if isinstance(value, str) and any(ord(c) < 32 for c in value):
        raise complaint("wrong-value", f"{value!r} holds a control character")
    return value


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise complaint("wrong-type", f"must be a number, not {spelled(value)}")
    return _scalar(value)


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise complaint("wrong-type", f"must be a whole number, not {spelled(value)}")
    return _scalar(value)


def _yes_no(value: Any) -> Any:
    if not isinstance(value, bool):
        raise complaint("wrong-type", f"must be true or false, not {spelled(value)}")
    return value


def _on_off(value: Any) -> Any:
    """`on` and `off` are texts in YAML 1.2, and true and false in what many people write."""
    if value not in ("on", "off") and not isinstance(value, bool):
        raise complaint("wrong-type", f"must be on or off, not {spelled(value)}")
    return value in ("on", True)


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        hint = "quote it" if isinstance(value, int | float) else None
        raise complaint("wrong-type", f"must be text, not {spelled(value)}", hint)
    if any(ord(c) < 32 and c not in "\n\t" for c in value):
        raise complaint("wrong-value", f"{value!r} holds a control character")
    return value


def bad_name(value: str) -> tuple[str, str] | None:
    """(what, hint) when `value` can not name a campaign or an entry: names become folders, addresses and SQL values."""
    if _NAME.fullmatch(value) and len(value) <= 80:
        return None
    return f"{value!r} is no good name", "use a-z, 0-9, '-', '_' and '.', at most 80 characters"


def _name(value: str) -> str:
    if wrong := bad_name(value):
        raise complaint("wrong-value", *wrong)
    return value


def _scenario(value: str) -> str:
    try:
        return parse_scenario(value).text
    except ValueError as error:
        raise complaint("wrong-value", str(error)) from None


def _limit(value: Any) -> Any:
    return value if isinstance(value, str) else _number(value)


def _share(value: Any) -> float:
    """`95%` or 0.95."""
    number = value
    if isinstance(value, str):
        text = value.strip()
        try:
            number = float(text.removesuffix("%")) / 100 if text.endswith("%") else None
        except ValueError:
            number = None
        if number is None:
            raise complaint("wrong-value", f"{value!r} is no share", "write 95% or 0.95")
    share = float(_number(number))
    if not 0 < share <= 1:
        raise complaint("wrong-value", f"a share is above 0 and at most 100%, not {value}", "write 95% or 0.95")
    return share


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
Scalar: TypeAlias = Annotated[
    bool | int | float | str,
    BeforeValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Number: TypeAlias = Annotated[float, BeforeValidator(_number)]
Whole: TypeAlias = Annotated[int, BeforeValidator(_whole)]
Share: TypeAlias = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?%$"},
            ]
        }
    ),
]
YesNo: TypeAlias = Annotated[bool, BeforeValidator(_yes_no)]
OnOff: TypeAlias = Annotated[
    bool,
    BeforeValidator(_on_off),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["on", "off"]}]}),
]
Text: TypeAlias = Annotated[str, BeforeValidator(_text)]
NameText: TypeAlias = Annotated[str, BeforeValidator(_text), AfterValidator(_name)]
ScenarioText: TypeAlias = Annotated[str, BeforeValidator(_text), AfterValidator(_scenario)]
Limit: TypeAlias = Annotated[
    float | str, BeforeValidator(_limit), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
]


class Section(BaseModel):
    """A mapping of the campaign file: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def lasting(default: float | None, description: str) -> Any:
    """A duration field with its default, shown in the JSON Schema as an author would write it."""
    shown = None if default is None else format_duration(default)
    return Field(default, description=description, json_schema_extra={"default": shown})


def same(a: DomainScalar, b: DomainScalar) -> bool:
    """Equal as a value of a flag: 1 and 1.0 are, 1 and true are not."""
    return isinstance(a, bool) is isinstance(b, bool) and a == b
