"""What engines have in common that are Python packages, load a model of the hub and share the GPUs of one lease."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Placement
from runner.errors import Problem
from runner.runtimes import _flags
from runner.runtimes._flags import Flag
from runner.util import interpreter, net

OPTIONS = ("python", "image", "version", "allow_unknown_flags")

SIGNATURES = Path(__file__).with_name("_hub_engine.toml")
"""What the libraries below such engines say: it goes before the engine's own table."""


def check(
    entry: Entry, table: Mapping[str, Flag], reserved: tuple[str, ...], unsupported: Mapping[str, str]
) -> list[Problem]:
    """Problems of an entry that need no hardware."""
    found = _flags.problems(entry, table, reserved, unsupported) + _flags.unknown_options(entry, OPTIONS)
    for name in ("python", "image", "version"):
        value = entry.options.get(name)
        if value is not None and not isinstance(value, str):
            hint = "put it in quotes" if name == "version" else None
            found.append(Problem("option-value", f"{entry.name}: option {name!r} is no text: {value!r}", hint=hint))
    if not isinstance(entry.options.get("allow_unknown_flags", False), bool):
        found.append(Problem("option-value", f"{entry.name}: option 'allow_unknown_flags' is neither true nor false"))
    return found


def needs(entry: Entry, title: str, modules: Sequence[str], remedy: str) -> list[Problem]:
    """Empty when the interpreter of the entry has the engine's modules; they are looked for and not imported."""
    python = str(entry.options.get("python") or sys.executable)
    if not os.access(python, os.X_OK):
        what = f"{entry.name}: no interpreter at {python}"
        return [Problem("engine-missing", what, hint="correct `python:` of the runtime, or leave it out")]
    absent = interpreter.missing_modules(python, modules)
    if not absent:
        return []
    what = f"{title} is not installed: {python} has no package {', no package '.join(absent)}"
    if entry.options.get("python"):
        hint = f"install it there, or leave `python:` out and {remedy}"
    else:
        hint = f"{remedy}, or name an interpreter that has it as `python:`"
    return [Problem("engine-missing", what, hint=hint)]


def revision(placement: Placement) -> tuple[str, ...]:
    """What names the branch, tag or commit of a hub id on the command line: vLLM, SGLang and trtllm-serve alike."""
    return ("--revision", placement.revision) if placement.revision else ()


def whole(flags: Mapping[str, Scalar], name: str, default: int | None = None) -> int | None:
    """The whole number of a flag; `default` where it is not set, None where its value is no whole number."""
    value = flags.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def too_many_gpus(configuration: Configuration, campaign: Campaign, sizes: Mapping[str, str]) -> tuple[str, str] | None:
    """`sizes`: flag -> what it counts. Their product is the GPUs that the engine takes; a campaign without GPUs leases
    none and says nothing about them."""
    have = campaign.hardware.gpus
    asked = {what: whole(configuration.flags, flag, 1) or 1 for flag, what in sizes.items()}
    need = math.prod(asked.values())
    if not have or need <= have:
        return None
    told = " x ".join(f"{what} {size}" for what, size in asked.items() if size > 1)
    return "too-many-gpus", f"{told} needs {need} GPUs, an attempt has {have}"


def of_another_version(
    configuration: Configuration, campaign: Campaign, table: Mapping[str, Flag]
) -> tuple[str, str] | None:
    """A flag that the entry's version has not: what the settings that engines share came to, which no check of the
    campaign's own flags has seen."""
    entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
    version = _flags.version_of(entry) if entry else None
    for name in configuration.flags:
        absence = table[name].absence(version) if version and name in table else None
        if absence:
            return "flag-of-another-version", f"flag {name!r} is not there: {absence}"
    return None


def asked(base_url: str, path: str) -> dict[str, Any]:
    """A JSON object that the server answers, empty where it answers none."""
    try:
        status, body = net.get(f"{base_url}{path}", 5.0)
        answer = json.loads(body) if status == 200 else {}
    except (net.NoAnswer, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def served(base_url: str) -> dict[str, Any]:
    """What `/v1/models` says of the first model."""
    models = asked(base_url, "/v1/models").get("data")
    first = models[0] if isinstance(models, list) and models else {}
    return first if isinstance(first, dict) else {}
