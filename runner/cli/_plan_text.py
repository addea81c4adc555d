"""A plan for people, on a terminal: the sums first, then the configurations, then what was refused and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.cli import _plan_memory, _plan_presets, _plan_prior, _plan_tokens
from runner.domain.model_facts import ModelFacts
from runner.domain.prior import Prior
from runner.domain.units import format_duration
from runner.errors import Problem
from runner.plan import Plan
from runner.prospect import Prospect
from runner.space.constraints import show
from runner.store.known import Known
from runner.util.project import project_folder

SHOWN, SHOWN_REFUSED = 12, 6
"""Rows of the two tables; `--json` has all."""


def as_text(
    plan: Plan,
    path: Path,
    absent: Problem | None,
    known: Known | None,
    left: Prospect | None,
    store: str,
    facts: ModelFacts | None = None,
    taken: Prior | None = None,
) -> str:
    lines = [f"{plan.campaign.name} ({path})"]
    lines += [f"  {name:<10} {text}" for name, text in sums(plan, known, left, store)]
    if facts is not None:
        lines.append(f"  {'memory':<10} {_plan_memory.text(facts, plan.campaign)}")
    lines += [f"  {name:<10} {text}" for name, text in _plan_prior.lines(taken)]
    if (counted := _plan_tokens.text(plan.campaign, project_folder())) is not None:
        lines.append(f"  {'tokens':<10} {counted}")
    if absent is not None:
        lines.append(f"  not here   {absent.what}" + (f" ({absent.hint})" if absent.hint else ""))
    return "\n".join([*lines, *_presets(plan), *_configurations(plan), *_rejections(plan), *_unchecked(plan)]) + "\n"


def sums(plan: Plan, known: Known | None, left: Prospect | None, store: str) -> Iterator[tuple[str, str]]:
    """Name and text of each line above the tables."""
    campaign = plan.campaign
    yield "model", f"{campaign.model.label} on {campaign.hardware.label}, deploy {campaign.deploy.kind}"
    more = ", and all between: ranges are searched as such" if plan.continuous else ""
    yield "space", f"{plan.grid:,} points on the grid of {', '.join(e.name for e in campaign.entries)}{more}"
    what = "all" if plan.complete else "a sample"
    looked, refused = len(plan.configurations), len(plan.rejected)
    yield "looked at", f"{looked:,} configurations ({what}): {refused} refused, {plan.duplicates} duplicates"
    search = campaign.search
    first = f", of them {len(plan.defaults)} engine default{'s'[: len(plan.defaults) > 1]}" if search.baseline else ""
    yield "trials", f"{plan.trials} by {search.sampler}, seed {search.seed}{first}"
    yield "levels", _levels(plan)
    if campaign.quality:
        least = campaign.quality.min_agreement
        limit = f", at least {100 * least:g} % of the tokens alike" if least else ""
        yield "answers", f"compared with the default of {campaign.quality.reference}, which goes first{limit}"
    yield from _at_worst(plan)
    yield from _what_is_left(plan, known, left, store)


def _at_worst(plan: Plan) -> Iterator[tuple[str, str]]:
    campaign, worst = plan.campaign, plan.worst
    least, most = worst.confirming
    if most > least:
        yield "confirm", f"{least} attempts in turn, then on with those whose order is open: at most {most}"
    each = format_duration(campaign.workload.each_level.duration)
    most = plan.campaign.workload.most_levels
    count = f"{most} level{'s'[: most > 1]} x {each} x {worst.attempts:,} attempts"
    measuring = format_duration(worst.measuring * worst.attempts)
    yield "measuring", f"at most {measuring} in all ({count}, {format_duration(worst.measuring)} each)"
    confirm = f" + {format_duration(worst.confirm)} to confirm" if worst.confirm else ""
    end = "" if worst.ended_by == "trials" else f", ended by {worst.ended_by}"
    total = f"{format_duration(worst.total)} ({format_duration(worst.attempt)} per attempt{confirm}{end})"
    yield "at worst", f"{total}, if every phase runs into its deadline"
    if campaign.hardware.gpus:
        price = campaign.hardware.price_per_gpu_hour
        cost = f", {worst.gpu_hours * price:,.2f} {campaign.hardware.currency}" if price else ""
        yield "GPU-hours", f"{worst.gpu_hours:.1f} at worst{cost}"


def _what_is_left(plan: Plan, known: Known | None, left: Prospect | None, store: str) -> Iterator[tuple[str, str]]:
    if known is None or left is None:
        yield "measured", "unknown: no snapshot here (--store FILE or URL names one)"
        return
    judged = [trial.status for trial in known.trials]
    counts = ", ".join(
        f"{judged.count(s)} {s}" for s in ("succeeded", "failed", "unmeasured", "withdrawn") if s in judged
    )
    whole = f"; the series has {len(judged)} trials: {counts}" if judged else ""
    points = f"{left.points} of {left.looked_at} configurations that pass the pre-check"
    yield "measured", f"{points}, by {store}{whole}"
    yield "run would", left.text
    if not left.attempts:
        return
    if known.pace is None or left.seconds is None:
        yield "estimate", "none: no measured attempt is known on this hardware"
        return
    pace, hardware = known.pace, plan.campaign.hardware
    cost = f", {left.cost:,.2f} {hardware.currency}" if left.cost is not None else ""
    yield (
        "estimate",
        f"about {format_duration(_rounded(left.seconds))}{cost} for at most {left.attempts} attempts (median "
        f"{format_duration(round(pace.seconds, 1))} of {pace.attempts} measured attempts {pace.of})",
    )


def _rounded(seconds: float) -> float:
    """An estimate is not known to the second."""
    step = 60 if seconds >= 600 else 10 if seconds >= 60 else 1
    return float(round(seconds / step) * step)


def _levels(plan: Plan) -> str:
    search, workload = plan.campaign.workload.load_search, plan.campaign.workload
    if search is not None:
        texts = ", ".join(scenario.text for scenario in workload.scenarios)
        of_each = " of each" if len(workload.scenarios) > 1 else ""
        return (
            f"at most {search.levels} per trial{of_each}: {texts} at the highest {workload.load_kind} from "
            f"{search.low:g} to {search.high:g} that holds the SLOs"
        )
    scenarios: dict[str, list[str]] = {}
    for level in plan.levels:
        scenarios.setdefault(level.scenario.text, []).append(f"{level.load_value:g}")
    kind = plan.levels[0].load_kind
    told = "; ".join(f"{scenario} at {kind} {', '.join(values)}" for scenario, values in scenarios.items())
    return f"{len(plan.levels)} per trial: {told}"


def _presets(plan: Plan) -> Iterator[str]:
    """All of them, and all that they disagree about: nobody overrides anything in silence."""
    if not plan.campaign.extended:
        return
    yield ""
    yield "  presets"
    for entry, name, file, about in _plan_presets.presets(plan.campaign):
        yield f"    {entry}  {name} ({file}): {about}".rstrip(": ")
    if conflicts := _plan_presets.conflicts(plan.campaign):
        yield ""
        yield "  settings given more than once"
    for entry, setting, result, story in conflicts:
        yield f"    {entry}  {setting}: {result}"
        yield f"              {story}"


def _configurations(plan: Plan) -> Iterator[str]:
    yield ""
    yield "  configurations"
    kept = passing(plan)
    for fingerprint, entry, text in kept[:SHOWN]:
        yield f"    {fingerprint[:8]}  {entry}  {text}".rstrip()
    yield from _rest(len(kept), SHOWN)


def passing(plan: Plan) -> list[tuple[str, str, str]]:
    """(fingerprint, entry, values) of what the pre-check lets pass, the defaults first."""
    rows = [*((planned, True) for planned in plan.defaults), *((planned, False) for planned in plan.configurations)]
    return [
        (
            planned.configuration.fingerprint,
            planned.configuration.entry,
            f"default {values(planned.configuration.flags.items())}".rstrip()
            if default
            else values(planned.configuration.values.items()),
        )
        for planned, default in rows
        if planned.rule is None
    ]


def refusals(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """(fingerprint, entry, values, rule, reason) of what it does not."""
    return [
        (
            planned.configuration.fingerprint,
            planned.configuration.entry,
            values(planned.configuration.values.items()) or "default",
            planned.rule,
            planned.reason or "",
        )
        for planned in (*plan.defaults, *plan.configurations)
        if planned.rule is not None
    ]


def _rejections(plan: Plan) -> Iterator[str]:
    refused = refusals(plan)
    if not refused:
        return
    yield ""
    yield "  refused before any deployment"
    for fingerprint, entry, what, rule, reason in refused[:SHOWN_REFUSED]:
        yield f"    {fingerprint[:8]}  {entry}  {what}"
        yield f"              {rule}: {reason}"
    yield from _rest(len(refused), SHOWN_REFUSED)


def _rest(count: int, shown: int) -> Iterator[str]:
    if count > shown:
        yield f"    ... {count - shown:,} more (--json shows all)"


def _unchecked(plan: Plan) -> Iterator[str]:
    yield ""
    yield "  not checked here"
    for text in plan.unchecked:
        yield f"    - {text}"


def values(items: Iterable[tuple[str, object]]) -> str:
    """`parallel=4 flash-attn=on`"""
    return " ".join(f"{name}={v if isinstance(v, str) else show(v)}" for name, v in items)  # type: ignore[arg-type]
