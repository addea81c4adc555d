"""The pre-check's rules of an engine: `rules.toml` read, and what its expressions may speak of."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from runner.domain.campaign import Campaign, Entry
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar, Values
from runner.domain.trial import Configuration
from runner.runtimes import _flags
from runner.space import rules
from runner.space.memory import kv_bounds
from runner.space.rules import Needed, Rule, Table

GB = 10**9


def load(path: Path) -> Table:
    """Raises OSError, tomllib.TOMLDecodeError, and KeyError, TypeError or ValueError where it is no table of rules."""
    return rules.table_of(tomllib.loads(path.read_text(encoding="utf-8")))


def refusal(
    table: Table,
    configuration: Configuration,
    campaign: Campaign,
    ground: Ground = NOTHING_KNOWN,
    version: str | None = None,
    ours: Values = MappingProxyType({}),
) -> tuple[str, str] | None:
    """(rule, reason with numbers) when a rule of the table or its memory formula says no. Pure. `version` of the
    engine, where the entry tells it in another way than `_flags.version_of` knows; `ours` are names of the engine's
    own."""
    known = rules.with_derived(table, {**names(configuration, campaign, ground), **ours})
    entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
    version = version or (_flags.version_of(entry) if entry is not None else None)
    if found := rules.refused(holding(table, version), known):
        return found
    memory = rules.needed(table, known)
    return rules.over_memory(memory, ground.limits.get(configuration.runtime)) if memory else None


def needed(table: Table, configuration: Configuration, campaign: Campaign, ground: Ground) -> Needed | None:
    """What the memory formula says of a configuration; None where it says nothing."""
    return rules.needed(table, rules.with_derived(table, names(configuration, campaign, ground)))


def holding(table: Table, version: str | None) -> Iterator[Rule]:
    """The rules that hold for a version; of an unknown one those that hold for all."""
    for rule in table.rules:
        if not (rule.since or rule.until):
            yield rule
        elif version is not None:
            there = _flags.Flag(rule.name, "bool", since=rule.since, until=rule.until)
            if there.absence(version) is None:
                yield rule


def names(configuration: Configuration, campaign: Campaign, ground: Ground) -> dict[str, Scalar]:
    """What an expression may speak of: the flags, `env.NAME`, the campaign's constants, `prompt_tokens`, and as far as
    they are known `model.*`, `gpu.*` and `host.*`. Memory is in GB, 10^9 bytes."""
    entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
    found: dict[str, Scalar] = {**campaign.space.constants, **configuration.flags}
    found |= {f"env.{name}": _number(value) for name, value in configuration.env.items()}
    found["prompt_tokens"] = max((one.prompt for one in campaign.workload.scenarios), default=0)
    found |= _of_model(ground)
    if ground.gpu_bytes is not None and campaign.hardware.gpus:
        found["gpu.memory_gb"] = ground.gpu_bytes / GB
    if ground.capability is not None and campaign.hardware.gpus:
        found["gpu.capability"] = ground.capability
    if ground.host_bytes is not None:
        found["host.memory_gb"] = ground.host_bytes / GB
    return found | _of_entry(entry)


def _of_entry(entry: Entry | None) -> dict[str, Scalar]:
    return {"entry.image": str(entry.options.get("image") or "")} if entry is not None else {}


def _of_model(ground: Ground) -> dict[str, Scalar]:
    model = ground.model
    if model is None:
        return {}
    keys, values = kv_bounds(model)
    weights = model.weight_bytes
    plain = model.quantization is None and model.parameters is not None
    numbers = {
        "model.weights_gb": weights / GB,
        "model.kv_keys": keys,
        "model.kv_values": values,
        "model.kv_numbers": keys + values,
        "model.layers": model.layers,
        "model.heads": model.heads,
        "model.kv_heads": model.kv_heads,
        "model.positions": model.positions,
        "model.form": model.form,
        "model.quantization": model.quantization or "none",
        # engines may keep wider numbers as 16 bits: the least that the weights can come to
        "model.least_weights_gb": min(weights, 2 * (model.parameters or 0)) / GB if plain else weights / GB,
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _number(text: str) -> Scalar:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
