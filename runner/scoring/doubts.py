"""Reasons to doubt a level whose requests went well: a busy client, wrong lengths, hidden hangs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from runner.domain.campaign import LevelPlan, LoadKind, Workload
from runner.domain.trial import LevelResult
from runner.scoring.aggregate import WARMUP, Request

BUSY_CLIENT = 0.8  # of one core: the client is one thread
STOLEN = 0.05
EMPTY_USERS = 0.5
_ENOUGH = 4  # requests per user, before the ends of a level stop mattering to its mean occupancy


def doubts(plan: LevelPlan, rows: Sequence[Request], result: LevelResult) -> Iterator[str]:
    """One sentence for each reason, with the numbers."""
    where = level_name(plan)
    measured = [row for row in rows if row.kind != WARMUP]
    ok = [row for row in measured if row.error is None]
    guessed = sum(row.tokens_from != "usage" for row in ok)
    if guessed:
        yield f"{where}: {guessed} of {len(ok)} answers had no usage; their tokens are counted chunks"
    wrong = [row for row in ok if row.prompt_tokens is not None and row.prompt_tokens != row.asked_prompt]
    if wrong and plan.scenario.kind != "dataset":  # there nobody has asked for a length: it is an estimate
        mean = math.fsum(row.prompt_tokens or 0 for row in wrong) / len(wrong)
        asked = math.fsum(row.asked_prompt for row in wrong) / len(wrong)
        yield (
            f"{where}: {len(wrong)} of {len(ok)} prompts were not of the length asked for "
            f"(mean {mean:.1f} tokens, asked {asked:.1f})"
        )
    cpu = result.metric("client_cpu", "value")
    if cpu is not None and cpu > BUSY_CLIENT:
        yield f"{where}: the load generator used {100 * cpu:.0f} % of a core; latencies may be its own"
    if result.load is not None and result.load.steal > STOLEN:
        yield f"{where}: {100 * result.load.steal:.0f} % of the CPU was taken by other machines on this host"
    yield from _idle_users(plan, measured, result, where)


def repeated(plan: LevelPlan, rows: Sequence[Request], workload: Workload) -> Iterator[str]:
    """Prompts of a dataset that came more than once: an engine with a prefix cache knows them."""
    if plan.scenario.kind != "dataset" or workload.dataset is None or not workload.dataset.requests:
        return
    share = math.ceil(workload.dataset.requests / len(workload.levels))
    sent = sum(row.kind != WARMUP for row in rows)
    if sent > share:
        has = f"the dataset has {share} prompts for this level"
        yield f"{level_name(plan)}: {sent} requests, and {has}: prompts came again"


def level_name(plan: LevelPlan) -> str:
    return f"{plan.scenario.text} at {plan.load_kind.value} {plan.load_value:g}"


def occupancy(rows: Sequence[Request], seconds: float) -> float:
    """Requests in flight on average: Little's law, L = arrival rate x time in the system."""
    return math.fsum(row.ended - row.sent for row in rows) / seconds if seconds > 0 else 0.0


def _idle_users(plan: LevelPlan, measured: Sequence[Request], result: LevelResult, where: str) -> Iterator[str]:
    """A closed loop keeps its users busy; far fewer in flight means that some are stuck without a row."""
    if plan.load_kind is not LoadKind.CONCURRENCY or len(measured) < _ENOUGH * plan.load_value:
        return
    busy = occupancy(measured, result.seconds)
    if busy < EMPTY_USERS * plan.load_value:
        yield f"{where}: only {busy:.1f} of {plan.load_value:g} users were busy on average"
