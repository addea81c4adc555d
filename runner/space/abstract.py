"""Settings that several engines have under other names: `quantization.*` and `parallel.*`, translated by tables.

A campaign asks for a key/value cache in fp8 or for two GPUs per model; each engine's table says which of its flags that
is, or why it can not be had. The tables come in as data (`abstract.toml` of a runtime). What an entry says by an
engine's own flag goes before what its abstract settings say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.domain.parameters import Scalar, Values

QUANTIZATION = "quantization."
PARALLEL = "parallel."
PRESET = "preset"

FIELDS: Mapping[str, tuple[Scalar, ...]] = {
    "quantization.gemm_dtype": ("auto", "float16", "bfloat16", "float32", "fp8", "int8"),
    "quantization.kvcache_dtype": ("auto", "fp16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "int8", "int4"),
    "quantization.attention_dtype": ("auto", "float16", "bfloat16", "fp8", "fp8_e5m2", "fp8_e4m3", "fp8_block"),
    "quantization.moe_dtype": ("auto", "float16", "bfloat16", "fp8", "w4afp8", "mxfp4", "int8"),
    "parallel.tp": (1, 2, 4, 8, 16),
    "parallel.pp": (1, 2, 4, 8),
    "parallel.dp": (1, 2, 4, 8, 16),
    "parallel.dcp": (1, 2, 4, 8),
    "parallel.cp": (1, 2, 4, 8),
    "parallel.enable_expert_parallel": (True, False),
    "parallel.moe_dense_tp": (1, 2, 4, 8),
    "parallel.moe_tp": (1, 2, 4, 8),
    "parallel.moe_ep": (1, 2, 4, 8, 16),
    "parallel.moe_cluster": (1, 2, 4),
}
"""Field -> every value that an engine may have. Fields are applied in this order and a later one wins: where two
choose the engine's quantization it is that of the experts."""

QUANTIZED = ("awq", "gptq", "gguf", "nvfp4", "fp4", "fp8")
"""Parts of a model's name that say that its weights are quantized already; the first that is found counts."""


@dataclass(frozen=True, slots=True)
class Said:
    """How an engine says one value: its flags, set unless one of `unless` is set already; or why it can not."""

    flags: Values = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Abstract:
    """The table of an engine. `said`: field -> value -> how; `lacks`: field -> why it is not there at all; `presets`:
    `quantization.NAME` or `parallel.NAME` -> fields. `gpus`: fields whose product is the number of GPUs; `multiples`:
    (field, of field): the first must be a multiple of the second."""

    said: Mapping[str, Mapping[Scalar, Said]] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    presets: Mapping[str, Values] = field(default_factory=dict)
    gpus: tuple[str, ...] = ()
    multiples: tuple[tuple[str, str], ...] = ()


NONE = Abstract()
"""Of an engine without any."""


def is_abstract(name: str) -> bool:
    return name.startswith((QUANTIZATION, PARALLEL))


def asked(values: Values, table: Abstract) -> dict[str, Scalar]:
    """The abstract fields among `values`, presets opened; a field that is given beside its preset goes before it."""
    given = {name: value for name, value in values.items() if is_abstract(name)}
    opened: dict[str, Scalar] = {}
    for group in (QUANTIZATION, PARALLEL):
        preset = given.pop(f"{group}{PRESET}", None)
        if preset is not None:
            opened |= table.presets.get(f"{group}{preset}", {})
    return opened | given


def translated(values: Values, table: Abstract) -> dict[str, Scalar]:
    """The engine's flags for the abstract fields among `values`. What is refused gives none: see `refusal`."""
    fields, flags = asked(values, table), dict[str, Scalar]()
    for name in FIELDS:
        said = _said(table, name, fields[name]) if name in fields else None
        if said is not None and not said.refused and not any(flag in flags for flag in said.unless):
            flags |= said.flags
    return flags


def refusal(values: Values, table: Abstract, model: str = "", gpus: int = 0) -> tuple[str, str] | None:
    """(rule, reason) when the engine can not be what `values` ask for; None when it can. `model` is the name of the
    model, `gpus` how many an attempt has (0: the machine's own matter)."""
    fields = asked(values, table)
    for name, value in fields.items():
        if alone := lacking(name, value, table):
            return alone
    quantized = next((mark for mark in QUANTIZED if mark in model.lower()), None)
    if quantized and fields.get("quantization.gemm_dtype") in ("fp8", "int8"):
        wanted = fields["quantization.gemm_dtype"]
        return "quantized-already", f"the model's name says {quantized}: its weights can not be made {wanted} as well"
    for name, of in table.multiples:
        one, other = int(fields.get(name, 1)), int(fields.get(of, 1))
        if one % other:
            return "parallel-shape", f"{name} {one} is no multiple of {of} {other}"
    needed = gpus_needed(fields, table)
    if gpus and needed > gpus:
        parts = " x ".join(f"{name.removeprefix(PARALLEL)} {fields[name]}" for name in table.gpus if name in fields)
        return "too-many-gpus", f"{parts} needs {needed} GPUs, an attempt has {gpus}"
    return None


def lacking(name: str, value: Scalar, table: Abstract) -> tuple[str, str] | None:
    """(rule, reason) when an engine can not have this value of a field, whatever else is asked for."""
    if name in table.lacks:
        return "abstract-field", f"{name}: {table.lacks[name]}"
    said = _said(table, name, value)
    if said is None:
        return "abstract-value", f"{name}: {value} is nothing that this engine has"
    return ("abstract-value", f"{name}: {value}: {said.refused}") if said.refused else None


def gpus_needed(fields: Values, table: Abstract) -> int:
    """Of one engine, by its parallel fields."""
    needed = 1
    for name in table.gpus:
        needed *= int(fields.get(name, 1))
    return needed


def _said(table: Abstract, name: str, value: Scalar) -> Said | None:
    """true is not 1."""
    known = table.said.get(name, {})
    return next((said for one, said in known.items() if one == value and type(one) is type(value)), None)


def table_of(data: Mapping[str, Any]) -> Abstract:
    """The table of a parsed `abstract.toml`. Raises KeyError, TypeError or ValueError where it is none."""
    said: dict[str, dict[Scalar, Said]] = {}
    lacks: dict[str, str] = {}
    presets: dict[str, Values] = {}
    for group in (QUANTIZATION, PARALLEL):
        for key, rows in data.get(group.rstrip("."), {}).items():
            name = f"{group}{key}"
            if name not in FIELDS:
                raise ValueError(f"no field {name}")
            if isinstance(rows, str):
                lacks[name] = rows
            else:
                said[name] = _switched(rows) if "flag" in rows else _listed(name, rows)
        for preset, fields in data.get("presets", {}).get(group.rstrip("."), {}).items():
            presets[f"{group}{preset}"] = {f"{group}{key}": value for key, value in fields.items()}
    shape = data.get("shape", {})
    multiples = tuple((f"{PARALLEL}{one}", f"{PARALLEL}{other}") for one, other in shape.get("multiples", ()))
    return Abstract(said, lacks, presets, tuple(f"{PARALLEL}{name}" for name in shape.get("gpus", ())), multiples)


def _switched(row: Mapping[str, Any]) -> dict[Scalar, Said]:
    """One flag for all values of a field: `--flag VALUE`, and none for 1 and for false, which every engine means by
    saying nothing."""
    silent = (1, False)
    values: list[Scalar] = row.get("values", [True, False])
    return {value: Said({} if value in silent and value is not True else {row["flag"]: value}) for value in values}


def _listed(name: str, rows: Mapping[str, Any]) -> dict[Scalar, Said]:
    """A row for each value: the flags that say it, or in words why the engine can not."""
    found: dict[Scalar, Said] = {}
    for value in FIELDS[name]:
        row = rows[str(value)]
        if isinstance(row, str):
            found[value] = Said(refused=row)
        else:
            unless = (str(row["unless"]),) if "unless" in row else ()
            found[value] = Said({flag: one for flag, one in row.items() if flag != "unless"}, unless)
    return found
