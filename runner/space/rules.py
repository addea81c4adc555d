"""Rules of the pre-check as data, and what they say of one configuration. Tables come in as data (`rules.toml` of a
runtime). Pure.

A rule refuses where its `when` is known to hold. What depends on a name without a value (a flag at a default that
nobody knows, a model whose header is not here, a GPU that was never seen) is unknown, and lets pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.domain.failure import Cause
from runner.domain.ground import MemoryLimit
from runner.domain.parameters import Scalar, Values
from runner.space.constraints import compute, evaluate, show
from runner.space.expressions import ExpressionError, names_in
from runner.space.memory import KV_BYTES

MEMORY = "memory"
"""Rule name of the memory formula."""

CAUTIOUS = 1.0
"""Share of the memory that the estimate may take where nothing was learned. Weights and cache are all that the
formula counts, and an engine needs more than that: above 1 nothing fits, and below it we do not know."""

SLACK = 0.02
"""Share of the memory. An engine's buffers are about that."""

_FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` refuses with `reason`, in which `{expression}` stands for its value. `predicts` are the causes with which
    the engine would fail; none: the configuration would start, and be a waste. `since` and `until` are the first
    versions of the engine for which it holds, and holds no more. `proof` is the engine's own line, or where it says
    so."""

    name: str
    when: str
    reason: str
    proof: str
    predicts: tuple[Cause, ...] = ()
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Formula:
    """What has to lie in memory before the engine serves: expressions in GB (10^9 bytes). The first formula of a table
    whose `when` holds and whose expressions can be computed counts. `where` names the memory in words."""

    when: str
    weights: str
    cache: str
    total: str
    where: str


@dataclass(frozen=True, slots=True)
class Table:
    """`defaults`: the engine's own, where they are known. `let`: names that follow from others, in this order;
    `cache_types`: name -> flag whose value is a type of the cache: the name is bytes of a number in it. `unless`: flags
    with which no formula holds."""

    rules: tuple[Rule, ...] = ()
    formulas: tuple[Formula, ...] = ()
    defaults: Values = field(default_factory=dict)
    let: Mapping[str, str] = field(default_factory=dict)
    cache_types: Mapping[str, str] = field(default_factory=dict)
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Needed:
    """GB. `total` is what there is of it."""

    weights: float
    cache: float
    total: float
    where: str

    @property
    def share(self) -> float:
        return (self.weights + self.cache) / self.total


def table_of(data: Mapping[str, Any]) -> Table:
    """Of a parsed `rules.toml`. Raises KeyError, TypeError or ValueError (ExpressionError is one) where it is none."""
    rules = []
    for row in data.get("rule", ()):
        causes = tuple(Cause(cause) for cause in row["predicts"])
        more = {key: str(row[key]) for key in ("since", "until") if key in row}
        rule = Rule(row["name"], row["when"], row["reason"], row["proof"], causes, **more)
        for text in (rule.when, *_FIELD.findall(rule.reason)):
            names_in(text)
        rules.append(rule)
    memory = data.get("memory", {})
    formulas = tuple(Formula(**row) for row in memory.get("formula", ()))
    for formula in formulas:
        for text in (formula.when, formula.weights, formula.cache, formula.total):
            names_in(text)
    return Table(
        rules=tuple(rules),
        formulas=formulas,
        defaults=data.get("defaults", {}),
        let=data.get("let", {}),
        cache_types=memory.get("cache_types", {}),
        unless=tuple(memory.get("unless", ())),
    )


def with_derived(table: Table, names: Values) -> dict[str, Scalar]:
    """`names`, with the defaults that are known and what follows from both; what does not follow stays out."""
    known: dict[str, Scalar] = {**table.defaults, **names}
    for name, flag in table.cache_types.items():
        kind = str(known.get(flag, "f16"))
        if kind in KV_BYTES:
            known[name] = float(KV_BYTES[kind])
    for name, text in table.let.items():
        value = _computed(text, known)
        if value is not None:
            known[name] = value
    return known


def refused(rules: Iterable[Rule], known: Values) -> tuple[str, str] | None:
    """(rule, reason with numbers) of the first rule that says no. `known` comes from `with_derived`."""
    for rule in rules:
        if _holds(rule.when, known):
            return rule.name, _filled(rule.reason, known)
    return None


def needed(table: Table, known: Values) -> Needed | None:
    """What the configuration takes of which memory; None where nobody can say. `known` comes from `with_derived`."""
    if any(known.get(flag) not in (None, False, 0, "", "auto") for flag in table.unless):
        return None
    for formula in table.formulas:
        if not _holds(formula.when, known):
            continue
        numbers = [_computed(text, known) for text in (formula.weights, formula.cache, formula.total)]
        if all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
            weights, cache, total = (float(one) for one in numbers if one is not None)
            if total > 0:
                return Needed(weights, cache, total, _filled(formula.where, known))
    return None


def over_memory(found: Needed, limit: MemoryLimit | None) -> tuple[str, str] | None:
    """(rule, reason with numbers) when the share is above what is known to fit."""
    limit = limit or MemoryLimit(CAUTIOUS)
    if found.share <= limit.limit:
        return None
    learned = "nothing was learned on this machine yet"
    if limit.attempts:
        learned = f"learned from {limit.attempts} attempt{'s'[: limit.attempts > 1]} on {limit.kind or 'this machine'}"
    told = f"needs {found.cache:.1f} GB for the KV cache + {found.weights:.1f} GB of weights of {found.total:.1f} GB"
    return MEMORY, f"{told} ({found.where}), {found.share:.2f} of it; limit {limit.limit:.2f}, {learned}"


def learned(outcomes: Iterable[tuple[float, bool]], kind: str = "") -> MemoryLimit:
    """What past attempts say: (share of the memory by the formula, whether it served). Order does not matter.

    Nothing at or below a share that ever served is refused; deaths below it say that something besides the formula was
    at work. Of those above it the second smallest counts, because one may be an accident, and with something that
    served on the other side: the limit then lies midway between the two, but no lower than SLACK below the death. Far
    below it nobody has looked, and what nobody has looked at is not refused. In all other cases the limit is the
    cautious one, or SLACK above what served.
    """
    seen = sorted(outcomes)
    survived = max((share for share, served in seen if served), default=None)
    dead = [share for share, served in seen if not served and share > (survived or 0.0)]
    died = dead[1] if len(dead) > 1 else None
    limit = CAUTIOUS
    if survived is not None:
        limit = max(CAUTIOUS, survived + SLACK)
        if died is not None:
            limit = min(limit, max((survived + died) / 2, died - SLACK))
    return MemoryLimit(round(limit, 4), len(seen), survived, died, kind)


def _holds(text: str, known: Values) -> bool:
    """A text of ours that a value does not fit (a word where a number stands) refuses nothing."""
    try:
        return evaluate(text, known) is True
    except ExpressionError:
        return False


def _computed(text: str, known: Values) -> Scalar | None:
    try:
        return compute(text, known)
    except ExpressionError:
        return None


def _filled(text: str, known: Values) -> str:
    return _FIELD.sub(lambda found: _shown(found[1], known), text)


def _shown(text: str, known: Values) -> str:
    value = _computed(text, known)
    return "?" if value is None else value if isinstance(value, str) else show(value)
