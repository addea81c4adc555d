"""One entry of `runtimes:` and the spellings of its searched parameters."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from runner.campaign.combine import Merge
from runner.campaign.fields import (
    NameText,
    Number,
    Scalar,
    Section,
    Text,
    Whole,
    YesNo,
    complaint,
    same,
    spelled,
)


class ParameterSection(Section):
    """One searched parameter: exactly one of `choice`, `int`, `float`, `flag`. A bare list is a choice."""

    choice: list[Scalar] | None = Field(None, description="One of the listed values, unordered.")
    whole: list[Whole] | None = Field(None, alias="int", description="Whole numbers [low, high], both included.")
    number: list[Number] | None = Field(None, alias="float", description="Numbers [low, high].")
    flag: list[YesNo] | None = Field(None, description="A switch: true (on and off) or the list of its states.")
    log: YesNo = Field(False, description="Search int or float on a log scale; low must be above 0.")
    step: Annotated[Whole, Field(ge=1)] | None = Field(None, description="Step of int; default 1.")
    when: Text | None = Field(None, description="Expression: the parameter exists only where it holds.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"choice": value}
        if not isinstance(value, dict):
            raise complaint(
                "wrong-type",
                f"a searched parameter is a list or a range, not {spelled(value)}",
                "write [a, b], {int: [1, 64]}, {float: [0.1, 0.9]} or {flag: true}; a fixed value belongs in flags",
            )
        if isinstance(value.get("flag"), bool):
            if not value["flag"]:
                raise complaint("wrong-value", "flag: false searches nothing", "write {flag: true} to try on and off")
            return {**value, "flag": [True, False]}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> ParameterSection:
        kinds = {"choice": self.choice, "int": self.whole, "float": self.number, "flag": self.flag}
        given = [name for name, value in kinds.items() if value is not None]
        if len(given) != 1:
            seen = " and ".join(given) or "none"
            raise complaint("wrong-value", f"give exactly one of choice, int, float, flag, not {seen}")
        values = self.choice if self.choice is not None else self.flag
        if values is not None:
            self._check_values(list(values))
        else:
            self._check_range(given[0], self.whole if self.whole is not None else self.number)
        if self.step is not None and (self.whole is None or self.log):
            raise complaint("wrong-value", "step goes with int on a plain scale only")
        return self

    def _check_values(self, values: list[Any]) -> None:
        if not values:
            raise complaint("empty-space", "the list of values is empty", "list values, or leave the parameter out")
        for i, value in enumerate(values):
            if any(same(value, other) for other in values[:i]):
                raise complaint("wrong-value", f"{spelled(value)} is listed twice")
        if self.log:
            raise complaint("wrong-value", "log goes with int and float only")

    def _check_range(self, kind: str, ends: Any) -> None:
        if len(ends) != 2:
            raise complaint("wrong-value", f"{kind} wants [low, high], not {len(ends)} numbers")
        low, high = ends
        if low > high:
            raise complaint("empty-space", f"the range [{low}, {high}] is empty: low is above high")
        if self.log and low <= 0:
            raise complaint("wrong-value", f"a log scale needs low above 0, not {low}")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        mapping = handler.resolve_ref_schema(handler(core))
        described = {**mapping, "oneOf": [{"required": [kind]} for kind in ("choice", "int", "float", "flag")]}
        scalars = {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}
        flag = described["properties"]["flag"]
        flag["anyOf"] = [{"const": True}, *[form for form in flag["anyOf"] if form.get("type") != "null"]]
        return {"anyOf": [scalars, described], "description": mapping.get("description", "")}


def named_or_mapped(value: Any) -> Any:
    """`[A, B]` names what is passed through: the same as `{A: null, B: null}`."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        wrong = [item for item in value if "=" in item]
        if wrong:
            raise complaint("wrong-value", f"{wrong[0]!r} sets a value", "write env as a mapping: {NAME: value}")
        return dict.fromkeys(value)
    return value


def _some_values(given: dict[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if isinstance(value, list):
            if not value:
                raise complaint("empty-space", f"the list of {name} is empty", "list values, or leave it out")
            twice = next((one for i, one in enumerate(value) if any(same(one, other) for other in value[:i])), None)
            if twice is not None:
                raise complaint("wrong-value", f"{name}: {spelled(twice)} is listed twice")
    return given


Env: TypeAlias = Annotated[
    dict[str, Scalar | None],
    BeforeValidator(named_or_mapped),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
            ]
        }
    ),
]


AbstractValues: TypeAlias = Annotated[dict[str, Scalar | list[Scalar]], AfterValidator(_some_values)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _each_once(names: list[str]) -> list[str]:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise complaint("wrong-value", f"{spelled(name)} is listed twice")
    return names


Names: TypeAlias = Annotated[
    list[Text],
    BeforeValidator(_listed),
    AfterValidator(_each_once),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name, or a list of them."""


class EntrySection(Section):
    """One runtime with its fixed flags and its search space."""

    runtime: Text = Field(description="A member of the runtimes: llama_cpp, command, simulated, ...")
    name: NameText | None = Field(None, description="Name of the entry; default: the runtime's name.")
    extends: Names = Field([], description="Presets whose settings the entry takes over, such as presets/vllm-latency.")
    merge: Merge | None = Field(
        None, description="What counts where presets differ: last_wins (default), union or intersection."
    )
    without: Names = Field([], description="Settings of the presets that are left out.")
    flags: dict[str, Scalar] = Field({}, description="Fixed flags, without dashes in front; true = a bare flag.")
    space: dict[str, ParameterSection] | None = Field(
        None, description="Searched flags, or env.NAME for the environment. Absent: only the default is measured."
    )
    quantization: AbstractValues | None = Field(
        None, description="Data types by field, one value or a list to search, translated into the engine's flags."
    )
    parallel: AbstractValues | None = Field(
        None, description="Degrees of parallelism by field, one value or a list to search, translated likewise."
    )
    where: list[Text] = Field([], description="Expressions that every configuration must satisfy.")
    env: Env = Field({}, description="A list of names passed through, or NAME: value (null = passed through).")
    python: Text | None = Field(
        None, description="Interpreter that has the engine; default: that of an installed engine, else our own."
    )
    version: Text | None = Field(
        None, description="Version of the engine: of those that `tunebook engine install` has installed, this one."
    )
    image: Text | None = Field(None, description="Container image, for deploy: docker.")
    command: Text | list[Text] | None = Field(
        None, description="Command template of the `command` runtime, with {port} {model} {flags}."
    )
    health: Text | dict[str, Any] | None = Field(None, description="Health path of the `command` runtime.")
    signatures: dict[str, Any] | list[Any] | None = Field(
        None, description="Log patterns and the cause each one proves, for the `command` runtime."
    )
    allow_unknown_flags: YesNo | None = Field(
        None, description="Pass flags on that tunebook does not know; a typing error is found by the engine then."
    )
    options: dict[str, Any] = Field({}, description="Further settings of the runtime, by their own names.")

    @model_validator(mode="after")
    def _some_space(self) -> EntrySection:
        if self.space is not None and not self.space:
            raise complaint("empty-space", "space is empty", "leave the key out to measure only the default")
        check_extends(self)
        return self


def check_extends(section: Any) -> None:
    """`merge` and `without` speak of presets. Raises a complaint where there are none."""
    for key in ("merge", "without"):
        if getattr(section, key) and not section.extends:
            raise complaint(
                "wrong-value", f"{key} means something only beside extends", f"add extends, or remove {key}"
            )
