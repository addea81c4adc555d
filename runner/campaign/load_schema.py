"""The part of the schema that says what load there is: kinds of load, spacing, shared prefixes, files of requests."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from runner.campaign.fields import Duration, Number, Section, Text, Whole, complaint, lasting, spelled
from runner.domain.load import LoadKind, Shape
from runner.domain.units import parse_size

_SHAPE = Shape()
_MOST_BYTES = 10**9
_KINDS = ", ".join(kind.value for kind in LoadKind)

Loads: TypeAlias = Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1)]
Counts: TypeAlias = Annotated[list[Annotated[Whole, Field(ge=1)]], Field(min_length=1)]


def _size(value: Any) -> int:
    if not isinstance(value, str):
        raise complaint("wrong-unit", f"{spelled(value)} has no unit", "write 100MB or 1GB")
    try:
        size = parse_size(value)
    except ValueError as error:
        raise complaint("wrong-unit", str(error)) from None
    if size < 1:
        raise complaint("wrong-value", f"{value!r} must be more than nothing")
    return size


def _whole_or_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise complaint("wrong-type", f"must be the name of a column, or a number of tokens, not {spelled(value)}")
    if isinstance(value, int) and value < 1:
        raise complaint("wrong-value", f"must be at least 1, not {value}")
    return value


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise complaint("wrong-value", f"{value!r} is no https:// or http:// address")
    if "@" in urlsplit(value).netloc:
        raise complaint("secret", "an address with a name or password in it must not stand in a campaign")
    return value


class GammaSection(Section):
    gamma: Annotated[Number, Field(gt=0, le=1000)] = Field(description="Shape of the gaps: 1 is poisson, less clumps.")


def _spacing(value: Any) -> Any:
    if isinstance(value, dict) or value in ("poisson", "constant"):
        return value
    raise complaint("wrong-value", f"{spelled(value)} is not one of 'poisson', 'constant' or {{gamma: NUMBER}}")


ArrivalsField: TypeAlias = Annotated[Literal["poisson", "constant"] | GammaSection, BeforeValidator(_spacing)]
Size: TypeAlias = Annotated[
    int, BeforeValidator(_size), WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*[kKMGT]?i?B$"})
]
ColumnOrTokens: TypeAlias = Annotated[
    int | str, BeforeValidator(_whole_or_text), WithJsonSchema({"type": ["string", "integer"]})
]
Address: TypeAlias = Annotated[Text, AfterValidator(_address)]
Hash: TypeAlias = Annotated[Text, Field(pattern="^[0-9a-f]{64}$")]


class SearchedLoad(Section):
    """A load that is looked for on one running server, for `objective: {at: goodput}`."""

    search: list[Any] = Field(
        description="Lowest and highest load: the highest one that holds the SLOs is looked for between them.",
        json_schema_extra={"items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2},
    )
    levels: Annotated[Whole, Field(ge=2, le=32)] = Field(8, description="Levels at most, of each scenario.")

    @property
    def bounds(self) -> tuple[float, float]:
        low, high = self.search
        return float(low), float(high)


def _load(value: Any, *, whole: bool) -> Any:
    """A list, or a mapping for a search, whose bounds are checked here, where the kind of load is known."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        what = f"must be a list of loads, or {{search: [LOWEST, HIGHEST]}}, not {spelled(value)}"
        raise complaint("wrong-type", what)
    if "search" in value:
        _bounds(value["search"], whole)
    return value


def _bounds(bounds: Any, whole: bool) -> None:
    hint = "write search: [1, 256]" if whole else "write search: [0.5, 64]"
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise complaint("wrong-value", "search: two loads, the lowest and the highest", hint)
    for one in bounds:
        if isinstance(one, bool) or not isinstance(one, int if whole else int | float) or not math.isfinite(one):
            kind = "a whole number" if whole else "a number"
            raise complaint("wrong-type", f"search: a load is {kind}, not {spelled(one)}", hint)
    low, high = bounds
    least = 1 if whole else 0
    if low < least or (not whole and low <= 0):
        raise complaint("wrong-value", f"search: the lowest load must be {'at least 1' if whole else 'above 0'}", hint)
    if low >= high:
        raise complaint("wrong-value", f"search: the lowest load {low:g} is not below the highest, {high:g}", hint)


_LOOKED_FOR: TypeAlias = Annotated[SearchedLoad, Tag("looked for")]
_WHICH = Discriminator(lambda value: "looked for" if isinstance(value, dict | SearchedLoad) else "a list")
SomeUsers: TypeAlias = Annotated[
    Annotated[Counts, Tag("a list")] | _LOOKED_FOR, _WHICH, BeforeValidator(lambda value: _load(value, whole=True))
]
SomeRates: TypeAlias = Annotated[
    Annotated[Loads, Tag("a list")] | _LOOKED_FOR, _WHICH, BeforeValidator(lambda value: _load(value, whole=False))
]


class LoadSection(Section):
    """Exactly one of `concurrency` (closed loop), `rate`, `ramp`, `burst` and `speed` (open loops)."""

    concurrency: SomeUsers | None = Field(
        None,
        description="Users at a time; each waits for its answer before the next request. A list, or "
        "{search: [1, 256]}: the most that hold the SLOs.",
    )
    rate: SomeRates | None = Field(
        None, description="Requests per second, whatever the answers do. A list, or {search: [0.5, 64]}."
    )
    ramp: Loads | None = Field(
        None, description="Requests per second at the end of each_level.duration; the rate rises evenly up to it."
    )
    start: Annotated[Number, Field(ge=0)] | None = Field(
        None, alias="from", description="Of a ramp: requests per second at its start; default 0."
    )
    burst: Counts | None = Field(None, description="Requests sent at one moment, again and again.")
    every: Duration | None = lasting(None, "Of bursts: from one to the next; default 10s.")
    speed: Loads | None = Field(None, description="How many times faster than recorded workload.trace is replayed.")

    @model_validator(mode="after")
    def _one_kind(self) -> LoadSection:
        given = [kind for kind in LoadKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            seen = " and ".join(given) if given else "none"
            raise complaint("wrong-value", f"give exactly one of {_KINDS}, not {seen}")
        loads = self.loads
        if len(set(loads)) != len(loads):
            raise complaint("wrong-value", "a load is listed twice")
        if self.start is not None and self.ramp is None:
            raise complaint("wrong-value", "from belongs to ramp")
        if self.every is not None and self.burst is None:
            raise complaint("wrong-value", "every belongs to burst")
        if self.start is not None and self.start >= min(loads):
            raise complaint("wrong-value", f"a ramp rises: from {self.start:g} is not below {min(loads):g}")
        return self

    @property
    def kind(self) -> LoadKind:
        return next(kind for kind in LoadKind if getattr(self, kind.value) is not None)

    @property
    def searched(self) -> SearchedLoad | None:
        given = getattr(self, self.kind.value)
        return given if isinstance(given, SearchedLoad) else None

    @property
    def loads(self) -> list[float]:
        """Those that are listed, or the two ends of a search."""
        if (searched := self.searched) is not None:
            return list(searched.bounds)
        return [float(value) for value in getattr(self, self.kind.value)]


class PrefixSection(Section):
    """Exactly one of `length` and `ratio`."""

    length: Annotated[Whole, Field(ge=1)] | None = Field(None, description="Tokens that prompts share.")
    ratio: Annotated[Number, Field(gt=0, lt=1)] | None = Field(None, description="Share of each prompt.")
    groups: Annotated[Whole, Field(ge=1, le=10_000)] = Field(1, description="So many different beginnings.")

    @model_validator(mode="after")
    def _one_size(self) -> PrefixSection:
        if (self.length is None) is (self.ratio is None):
            raise complaint("wrong-value", "give exactly one of length and ratio")
        return self


class FileSection(Section):
    """A file: exactly one of `path` and `url`. A `url` needs its sha256."""

    path: Text | None = Field(None, description="File on this machine, relative to the project folder.")
    url: Address | None = Field(None, description="Where it is fetched from, once, by `tunebook run`.")
    sha256: Hash | None = Field(None, description="Checksum of the file as it is given; needed with url.")
    max_size: Size = Field(_MOST_BYTES, description="Most bytes, unpacked.", json_schema_extra={"default": "1GB"})

    @model_validator(mode="after")
    def _one_place(self) -> FileSection:
        if (self.path is None) is (self.url is None):
            raise complaint("wrong-value", "give exactly one of path and url")
        if self.url is not None and self.sha256 is None:
            raise complaint(
                "missing-key", "a url needs sha256: what is fetched must be what was meant", "sha256sum FILE shows it"
            )
        return self


class TraceSection(FileSection):
    format: Literal["azure", "mooncake"] | None = Field(
        None, description="azure (TIMESTAMP, ContextTokens, GeneratedTokens) or mooncake; default: by ending."
    )


class DatasetSection(FileSection):
    format: Literal["jsonl", "csv", "parquet", "sharegpt"] | None = Field(None, description="Default: by ending.")
    prompt: Text | None = Field(None, description="Column of the prompts; default: prompt.")
    output: ColumnOrTokens | None = Field(
        None, description="Column with the tokens or the text of the answer, or a number of tokens for all."
    )
