"""A fact as it may leave the machine: each text of it is named here, with what is done to it. Pure.

A text that is not named stops the publication: somebody has to say what it may tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum, StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from runner.domain.records import RunStart
from runner.domain.trial import Attempt, Launch
from runner.util.aliases import Aliases

T = TypeVar("T")


class Treat(StrEnum):
    WORD = "word"  # one of our own words, an id, a time: as it is
    TEXT = "text"  # written by a person, an engine or a machine: filtered, in mappings and lists too
    HOST = "host"  # the name of a machine: its alias
    DROPPED = "dropped"  # empty


# fmt: off
_WORDS = (
    "attempt_id", "campaign_id", "client", "client_version", "compared_utc", "comparison_id", "ended_utc",
    "fingerprint", "form", "git_commit", "image_digest", "lineage", "load_kind", "metric", "prompts_id", "purpose",
    "reference_attempt", "rejected_utc", "rejection_id", "retracted_utc", "retraction_id", "rules_id", "run_id",
    "runtime", "scenario", "search_key", "started_utc", "stat", "trial_a", "trial_b", "trial_id", "tunebook_version",
    "unit", "version_sha256", "workload_key", "written_utc",
)
_TEXTS = (
    "build", "by", "campaign", "campaign_path", "campaign_text", "compute_capability", "counters", "cpu_model",
    "cuda", "driver", "entry", "env", "evidence", "flags", "gpus", "ignore_eos", "kernel", "kind", "limit", "limits",
    "message", "model_path", "name", "os", "parameter", "params", "parent", "path", "portable", "python", "reason",
    "reference", "revision", "rule", "rules", "served", "served_model", "signal", "text", "uuid", "value", "values",
    "version", "warm_start", "warnings", "when", "work_dir", "architecture", "dtypes", "quantization", "model",
    "memory_limits",
)
_DROPPED = ("argv", "boot_id", "settings")
# fmt: on
TREATED: dict[str, Treat] = {
    **dict.fromkeys(_WORDS, Treat.WORD),
    **dict.fromkeys(_TEXTS, Treat.TEXT),
    **dict.fromkeys(_DROPPED, Treat.DROPPED),
    "host": Treat.HOST,
    "node": Treat.HOST,
}
"""Name of a field of the facts -> what is done to a text, a list or a mapping in it."""

_BIND = frozenset({"127.0.0.1", "0.0.0.0", "localhost"})


def aliases_of(facts: Iterable[object]) -> Aliases:
    """One alias for each machine of the facts, nodes of clusters too, in order of first appearance; then for the
    servers that campaigns attached to or reach their engines at."""
    seen: dict[str, str] = {}
    attached: list[str] = []
    for fact in sorted((f for f in facts if isinstance(f, Attempt | RunStart)), key=lambda fact: fact.started_utc):
        seen.setdefault(fact.host.host, fact.started_utc)
        if isinstance(fact, Attempt) and fact.placement is not None and fact.placement.node:
            seen.setdefault(fact.placement.node, fact.started_utc)
        if isinstance(fact, RunStart):
            options = (fact.campaign.get("deploy") or {}).get("options", {})
            for url in (options.get("url"), options.get("endpoint")):
                attached += [host] if isinstance(url, str) and (host := urlsplit(url).hostname) else []
    order = sorted(seen, key=lambda host: (seen[host], host))
    return Aliases([*order, *(host for host in dict.fromkeys(attached) if host not in seen and host not in _BIND)])


def public(fact: T, aliases: Aliases) -> T:
    """`fact` (a dataclass of runner.domain) as it may leave. Raises ValueError for a text that has no name above."""
    assert is_dataclass(fact)
    assert not isinstance(fact, type)
    changed = {f.name: _public(f.name, getattr(fact, f.name), aliases) for f in fields(fact)}
    if isinstance(fact, Launch):
        changed |= {"argv": changed["portable"], "env": {}}  # as it was on this machine: nobody else's business
    if isinstance(fact, RunStart):
        changed["campaign"] = _named_model(fact.campaign, changed["campaign"])
    return replace(fact, **changed)


def _public(name: str, value: Any, aliases: Aliases) -> Any:
    if value is None or isinstance(value, bool | int | float | Enum):
        return value
    if isinstance(value, tuple) and value and all(isinstance(one, bool | int | float) for one in value):
        return value
    if is_dataclass(value):
        return public(value, aliases)
    if isinstance(value, tuple) and all(is_dataclass(one) for one in value):
        return tuple(public(one, aliases) for one in value)
    if isinstance(value, Mapping) and value and all(is_dataclass(one) for one in value.values()):
        return {key: public(one, aliases) for key, one in value.items()}
    match TREATED.get(name):
        case Treat.WORD:
            return value
        case Treat.TEXT:
            told = aliases.plain(value)
            return tuple(told) if isinstance(value, tuple) else told
        case Treat.HOST:
            return value if value in _BIND or not value else aliases.host(value)
        case Treat.DROPPED:
            return type(value)() if isinstance(value, str | tuple) else {}
    raise ValueError(f"the text {name!r} is not named in {__name__}: nobody has said what it may tell")


def _named_model(was: Mapping[str, Any], campaign: dict[str, Any]) -> dict[str, Any]:
    """A model in a folder keeps the folder's name, which says what was measured."""
    path = (was.get("model") or {}).get("path")
    if isinstance(path, str) and path.startswith("/"):
        campaign["model"]["path"] = f"<path>/{path.rstrip('/').rpartition('/')[2]}"
    return campaign
