"""Reasons to doubt a level whose requests went well: a busy client, wrong lengths, hidden hangs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from runner.domain.campaign import LevelPlan, LoadKind, Workload
from runner.domain.trial import LevelResult
from runner.scoring.aggregate import WARMUP, Request
from runner.scoring.client_bound import client_bound

STOLEN = 0.05
EMPTY_USERS = 0.5


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
    bound = client_bound(result)
    if bound:
        yield f"{where}: {bound}; the level shows the client and not the engine, and is not ranked"
    if result.load is not None and result.load.steal > STOLEN:
        yield f"{where}: {100 * result.load.steal:.0f} % of the CPU was taken by other machines on this host"
    yield from _idle_users(plan, measured, where)


def repeated(plan: LevelPlan, rows: Sequence[Request], workload: Workload) -> Iterator[str]:
    """Prompts of a dataset that came more than once: an engine with a prefix cache knows them."""
    if plan.scenario.kind != "dataset" or workload.dataset is None or not workload.dataset.requests:
        return
    share = math.ceil(workload.dataset.requests / max(1, workload.most_levels))
    sent = sum(row.kind != WARMUP for row in rows)
    if sent > share:
        has = f"the dataset has {share} prompts for this level"
        yield f"{level_name(plan)}: {sent} requests, and {has}: prompts came again"


def level_name(plan: LevelPlan) -> str:
    return f"{plan.scenario.text} at {plan.load_kind.value} {plan.load_value:g}"


def occupancy(rows: Sequence[Request], seconds: float) -> float:
    """Requests in flight on average in the first `seconds` of a level: Little's law, arrival rate x time in the
    system."""
    inside = math.fsum(min(row.ended, seconds) - row.sent for row in rows if row.sent < seconds)
    return inside / seconds if seconds > 0 else 0.0


def _idle_users(plan: LevelPlan, measured: Sequence[Request], where: str) -> Iterator[str]:
    """A closed loop keeps its users busy until the last request is sent; far fewer in flight means that some are stuck
    without a row, as behind a server that hangs and a client without a deadline. What comes after that moment is the
    end of the level, when users go."""
    if plan.load_kind is not LoadKind.CONCURRENCY or not measured:
        return
    until = max(row.sent for row in measured)
    if not any(row.ended <= until for row in measured):
        return  # nobody has asked twice: nothing is known of users between two requests
    busy = occupancy(measured, until)
    if busy < EMPTY_USERS * plan.load_value:
        yield f"{where}: only {busy:.1f} of {plan.load_value:g} users were busy on average"
