"""Facts in which every free text is an attack. Every text field of a dataclass is replaced, also those that come to it
later: only what is known to be an id, a time, a name of ours or a number in words is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from runner.domain.campaign import Deploy, Search
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.ground import MemoryLimit
from runner.domain.records import RecordKind
from runner.fixtures import facts, sealing, verdicts
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from runner.util.codec import to_plain

T = TypeVar("T")

ATTACKS = (
    "<script>window.__pwned=1</script>",
    "<img src=x onerror=\"window.__pwned=2\">",
    "'\" onmouseover='window.__pwned=3' autofocus onfocus=window.__pwned=3 x=\"",
    "{{ 7*7 }}{% raw %}{# c #}${7*7}",
    "</script></pre></td></table></noscript><script>window.__pwned=5</script>",
    "# h\n\n* [x](javascript:window.__pwned=6) ![y](https://evil.example/z.png) | a | b | **b** `c`\n---\n<!-- c",
    "<!--table:campaigns/trials--> --8<-- \"index.md\" [TOC] {: onclick=x } !!! note",
    "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b31m\x08\x7f",
    "abc\u202egnp.exe\u2066\u200f\u2028end",
    "before\x00after",
    "javascript:window.__pwned=11 &lt;b&gt; &#60;i&#62; <a href=//evil.example>l</a>",
    "@entries @score datum['x']+(window.__pwned=12) %(a)s \\u003cscript>",
)  # fmt: skip

LONG = 1_000_000
"""Characters of the longest line."""

_OURS = frozenset({
    "attempt_id", "run_id", "trial_id", "search_key", "campaign_id", "rejection_id", "comparison_id", "retraction_id",
    "trial_a", "trial_b", "fingerprint", "version_sha256", "sha256", "rules_id", "workload_key", "runtime", "metric",
    "stat", "unit", "load_kind", "at", "sampler", "arrivals", "api", "started_utc", "ended_utc", "rejected_utc",
    "compared_utc", "written_utc", "retracted_utc",
})  # fmt: skip


def attack(first: int = 0) -> str:
    """Every attack in one text; the one with the number `first` leads."""
    turned = ATTACKS[first:] + ATTACKS[:first]
    return " ¦ ".join(turned)


def poison(value: T, text: str) -> T:
    """`value` (a dataclass) with `text` in every free text, mappings of texts with another entry."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {f.name: _poisoned(f.name, getattr(value, f.name), text) for f in fields(value)}
    return replace(value, **changed)  # type: ignore[return-value, unused-ignore]


def _poisoned(name: str, value: Any, text: str) -> Any:
    if isinstance(value, Enum) or name in _OURS:
        return value
    if isinstance(value, str):
        return text
    if name == "memory_limits":
        return {text: MemoryLimit(1.0, kind=text)}
    if isinstance(value, Mapping):
        if all(isinstance(one, int | float) for one in value.values()) and value:
            return value
        return {**{key: one for key, one in value.items() if not isinstance(one, str)}, text: text}
    if isinstance(value, tuple):
        return tuple(_poisoned(name, one, text) for one in value)
    return poison(value, text)


def write_hostile(results: Path) -> list[str]:
    """Four campaigns of hostile facts, ingested, with a snapshot. Gives their texts. What people and engines may
    write at any length is a line of 1 MB in the last."""
    texts = [attack(0), attack(4), attack(7), attack(5)]
    for n, text in enumerate(texts):
        _write(results, n, text, "x" * LONG if n == len(texts) - 1 else "")
    done = ingest(results)
    assert done.pending == 0, done.warnings
    snapshot(results)
    return texts


def _write(results: Path, n: int, text: str, more: str) -> None:
    long = text + more
    plain = facts.campaign(name=f"hostile-{n}", search=Search(trials=4))
    of = replace(plain, name=f"{text} {n}", description=long, path=text, model=poison(plain.model, text))
    of = replace(of, hardware=replace(of.hardware, gpu=text, gpus=1))
    # Of two the launch is told in every form, with what nobody checked: image, variables, shared memory.
    first_entry = replace(of.entries[0], name=text, options={"image": text}, pass_env=(text, "HF_TOKEN"))
    of = replace(of, entries=(first_entry, *of.entries[1:]))
    if n % 2:
        of = replace(of, deploy=Deploy("docker", {"shm_size": text}))
    run_id, first = facts.an_id(20 + n), 2000 + 100 * n
    start = poison(facts.run_start(of, run_id=run_id, started_utc=facts.utc(10_000 + 100 * n)), text)
    start = replace(
        start,
        host=replace(start.host, host=f"h{n} {text}"),
        name=of.name,
        campaign_text=long,
        campaign=to_plain(of),
        seed=1,
    )
    seal(results, RecordKind.RUN_START, run_id, start)
    seal_rules(results, facts.rules(of))
    failed = Failure(Phase.LOAD, Cause.CRASH, long, rule=text, signal=text)
    made = [
        facts.attempt(of, 0, n=first, run_id=run_id),
        facts.attempt(of, 1, n=first + 1, run_id=run_id, values={"threads": 2, text: text}, failed=failed),
        facts.attempt(of, 2, n=first + 2, run_id=run_id, values={"threads": 4, text: "other"}, throughput=80.0),
        facts.attempt(of, 3, n=first + 3, run_id=run_id, values={"threads": 1}, throughput=20.0),
    ]
    sealed = []
    for one in made:
        hostile = poison(one, text)
        configuration = replace(hostile.configuration, fingerprint=one.configuration.fingerprint)
        hostile = replace(hostile, configuration=replace(configuration, values=one.configuration.values))
        # Not the campaign's own text: every text that holds a host's name shows its alias instead.
        hostile = replace(hostile, host=replace(hostile.host, host=f"h{n} {text}"))
        if hostile.failure:
            hostile = replace(hostile, failure=failed, warnings=(long,))
        sealed.append(hostile)
        sealing.seal_one(results, hostile, log=f"{text}\nE {long}\n")
    refused = verdicts.rejection(of, n, run_id=run_id, rejection_id=facts.an_id(first + 50), params={text: text})
    seal(results, RecordKind.REJECTION, refused.rejection_id, replace(poison(refused, text), reason=long))
    compared = verdicts.comparison(sealed[2], sealed[0], n, comparison_id=facts.an_id(first + 60), run_id=run_id)
    seal(
        results,
        RecordKind.COMPARISON,
        compared.comparison_id,
        poison(replace(compared, campaign_id=start.campaign_id), text),
    )
    withdrawn = replace(verdicts.retraction(sealed[3]), retraction_id=facts.an_id(first + 70))
    seal(results, RecordKind.RETRACTION, withdrawn.retraction_id, replace(poison(withdrawn, text), reason=long))
    end = facts.run_end(start, ended_utc=facts.utc(10_050 + 100 * n), trials=4, succeeded=2, failed=1)
    seal(results, RecordKind.RUN_END, run_id, poison(end, text))
