"""What earlier lineages on the same hardware know, chosen for a search that begins: warm starts and history.

Read from the sealed records of the results folder. What is chosen is frozen into the run_start record.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.campaign.load import from_resolved
from runner.confirm import JudgedTrial, best_trial
from runner.domain.campaign import Campaign, Entry, Goal, Model
from runner.domain.failure import Phase, Role, TrialStatus
from runner.domain.hardware import HostFacts
from runner.domain.parameters import Point, Scalar, Values
from runner.domain.prior import Prior, Replayed, WarmStart
from runner.domain.records import RecordKind, RunStart
from runner.domain.trial import Attempt, Configuration
from runner.lineage import Lineage
from runner.precheck import precheck
from runner.runtimes import configuration as configuration_of
from runner.samplers._space_to_optuna import contains
from runner.scoring.rank import rank_key
from runner.scoring.rules import rules_id, rules_of
from runner.space.expand import active
from runner.store.history import facts, history

MOST_WARM = 4
"""More would not help: what they bring is seen in the first ten trials, and they can mislead."""

MOST_REPLAYED = 200
"""Trials; the newest lineages first. Each costs every ask a little time."""

_BEFORE_LOAD = (Phase.PRECHECK, Phase.START, Phase.LOAD, Phase.READY, Phase.WARMUP)
"""A failure in one of these says the same whatever the workload is."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """One series of another lineage. `start` is its last run, `key` tells it from others."""

    start: RunStart
    campaign: Campaign
    attempts: tuple[Attempt, ...]

    @property
    def key(self) -> str:
        return f"{self.start.search_key[:16]}/{self.start.series}"


def prior(results: Path, campaign: Campaign, host: HostFacts, architecture: str | None = None) -> Prior:
    """Called when a series begins, and by `plan`. `host` is this machine, `architecture` that of the model where its
    header says one. Raises StoreDamaged."""
    if not campaign.search.warm_start and not campaign.search.history:
        return Prior()
    found = list(earlier(results, campaign, host))
    warm = warm_starts(campaign, found, architecture) if campaign.search.warm_start else ()
    return Prior(warm, replayed(campaign, found) if campaign.search.history else ())


def earlier(results: Path, campaign: Campaign, host: HostFacts) -> Iterator[Earlier]:
    """Every series of every other lineage on hardware like this, the newest first."""
    last: dict[tuple[str, int], RunStart] = {}
    for start in sorted(facts(results, RecordKind.RUN_START), key=lambda fact: (fact.started_utc, fact.run_id)):
        last[start.search_key, start.series] = start
    for start in sorted(last.values(), key=lambda fact: (fact.started_utc, fact.run_id), reverse=True):
        if start.search_key == campaign.search_key:
            continue
        there = from_resolved(start.campaign)
        if there.deploy.kind == "attach" or not _same_hardware(campaign, host, there, start.machine):
            continue
        attempts = tuple(history(results, start.search_key, start.series))
        if attempts:
            yield Earlier(start, there, attempts)


def _same_hardware(campaign: Campaign, host: HostFacts, there: Campaign, other: HostFacts) -> bool:
    """The same number of GPUs of the same model, pinned to as many CPUs; without GPUs the same CPU model with as many
    cores."""
    mine, theirs = campaign.hardware, there.hardware
    if (mine.gpus, mine.pinned) != (theirs.gpus, theirs.pinned):
        return False
    if not mine.gpus:
        return (host.cpu_model, host.cpu_count) == (other.cpu_model, other.cpu_count)
    here, away = ({gpu.name for gpu in one.gpus} for one in (host, other))
    return mine.gpu == theirs.gpu and (not here or not away or here == away)


def warm_starts(campaign: Campaign, found: Sequence[Earlier], architecture: str | None = None) -> tuple[WarmStart, ...]:
    """Up to `search.warm_start` configurations: those of this model first, then those of its family; the best of each
    lineage before its second best; the entries in turn; each configuration once."""
    queues: dict[str, list[WarmStart]] = defaultdict(list)
    ranked: list[tuple[int, int, WarmStart]] = []
    for one in found:
        kin = _kinship(campaign.model, architecture, one)
        asked, objective = campaign.objective, one.campaign.objective
        if kin is not None and (asked.metric, asked.goal) == (objective.metric, objective.goal):
            ranked += [(kin, place, warm) for place, warm in enumerate(_candidates(campaign, one, kin))]
    for _, _, warm in sorted(ranked, key=lambda row: row[:2]):  # stable: the newest lineage first
        queues[warm.entry].append(warm)
    chosen: list[WarmStart] = []
    while any(queues.values()) and len(chosen) < min(campaign.search.warm_start, MOST_WARM):
        for entry in campaign.entries:
            if queues[entry.name] and len(chosen) < min(campaign.search.warm_start, MOST_WARM):
                warm = queues[entry.name].pop(0)
                if all(warm.fingerprint != other.fingerprint for other in chosen):
                    chosen.append(warm)
    return tuple(chosen)


def _kinship(model: Model, architecture: str | None, one: Earlier) -> int | None:
    """0 for the same model, 1 for one of its family, None for a stranger."""
    if same_model(model, one.campaign.model):
        return 0
    theirs = one.start.model_facts.architecture if one.start.model_facts else None
    names = (architecture, theirs) if architecture and theirs else (model.label, one.campaign.model.label)
    mine, other = map(family, names)
    return 1 if mine and mine == other else None


def same_model(one: Model, other: Model) -> bool:
    return one == other or (one.sha256 is not None and one.sha256 == other.sha256)


def family(name: str) -> str:
    """`llama` of LlamaForCausalLM, llama and meta-llama/Llama-3.1-8B-Instruct; `qwen` of qwen2 and Qwen3-0.6B."""
    found = re.match(r"[a-z]+", name.rsplit("/", 1)[-1].lower().replace("forcausallm", ""))
    return found.group(0) if found else ""


def _candidates(campaign: Campaign, one: Earlier, kin: int) -> Iterator[WarmStart]:
    """The succeeded trials of an earlier lineage that beat their default there, best first, in this campaign's words.
    One whose values do not all fit is no candidate."""
    there = Lineage.of(one.campaign, one.start.series, one.attempts)
    goal = one.campaign.objective.goal
    best = best_trial(one.campaign, there.trials, one.attempts)
    confirmed = {a.trial_id for a in one.attempts if a.role is Role.CONFIRM}
    defaults = {trial.entry: trial.judgement.value for trial in there.trials if trial.is_default}
    ranked = sorted(there.succeeded, key=lambda t: (t is not best, rank_key(t.judgement, goal), t.number))
    for trial in ranked:
        default = defaults.get(trial.entry)
        if trial.is_default or not _beats(trial, default, goal):
            continue
        source = one.campaign.entry(trial.entry)
        for entry in _of_runtime(campaign, trial.configuration):
            configuration = adopted(campaign, entry, source, trial.configuration)
            if configuration is None:
                continue
            yield WarmStart(
                entry=entry.name,
                values=dict(configuration.values),
                fingerprint=configuration.fingerprint,
                campaign=one.campaign.name,
                number=trial.number,
                trial_id=trial.trial_id,
                metric=one.campaign.objective.metric,
                gain=_gain(trial, default),
                confirmed=trial is best and trial.trial_id in confirmed,
                model=None if kin == 0 else one.campaign.model.label,
            )
            break


def _beats(trial: JudgedTrial, default: float | None, goal: Goal) -> bool:
    """A default that failed, or was not measured, is beaten by every success."""
    value = trial.judgement.value
    if value is None or default is None:
        return value is not None
    return value > default if goal is Goal.MAXIMIZE else value < default


def _gain(trial: JudgedTrial, default: float | None) -> float | None:
    value = trial.judgement.value
    return value / default - 1 if value is not None and default is not None and default > 0 else None


def _of_runtime(campaign: Campaign, configuration: Configuration) -> list[Entry]:
    """The entries of the same runtime, the one of the same name first."""
    same = [entry for entry in campaign.entries if entry.runtime == configuration.runtime]
    return sorted(same, key=lambda entry: entry.name != configuration.entry)


def adopted(campaign: Campaign, entry: Entry, source: Entry, theirs: Configuration) -> Configuration | None:
    """A configuration of another campaign as one of `entry`: flags that it does not search are dropped. None where a
    value lies outside of its space, nothing is left, or the pre-check refuses it."""
    values = _values(campaign, entry, {**source.space.fixed, **theirs.values})
    if not values:
        return None
    configuration = configuration_of(entry, Point(entry.name, values))
    if configuration.fingerprint == configuration_of(entry, Point(entry.name)).fingerprint:
        return None
    return configuration if precheck(configuration, campaign) is None else None


def _values(campaign: Campaign, entry: Entry, known: Values) -> dict[str, Scalar] | None:
    parameters = entry.space.parameters
    kept = {name: value for name, value in known.items() if name in parameters}
    if any(not contains(parameters[name], value) for name, value in kept.items()):
        return None
    return active(entry.space, kept, campaign.space.constants)


def replayed(campaign: Campaign, found: Sequence[Earlier]) -> tuple[Replayed, ...]:
    """The judged trials of other lineages with the same model that ran exactly a launch of this campaign's space.

    Under the same workload they are judged by this campaign's rules. Under another one only failures before the first
    request count: how a configuration behaves under load is not what it does under another load.
    """
    rules = rules_of(campaign)
    kept: list[Replayed] = []
    for one in found:
        if not same_model(campaign.model, one.campaign.model):
            continue
        same_load = one.campaign.workload == campaign.workload
        there = Lineage.of(campaign if same_load else one.campaign, one.start.series, one.attempts)
        versions = _versions(one.attempts)
        for trial in there.trials:
            failure = trial.judgement.failure
            if not same_load and (failure is None or failure.phase not in _BEFORE_LOAD):
                continue
            configuration = _same_launch(campaign, one.campaign, trial.configuration)
            if configuration is not None:
                kept.append(
                    Replayed(
                        entry=configuration.entry,
                        values=dict(configuration.values),
                        fingerprint=configuration.fingerprint,
                        lineage=one.key,
                        campaign=one.campaign.name,
                        number=trial.number,
                        score=trial.judgement.value if trial.judgement.status is TrialStatus.SUCCEEDED else None,
                        severity=trial.judgement.severity,
                        rules_id=rules_id(rules),
                        version=versions.get(trial.entry),
                    )
                )
    return tuple(reversed(kept[:MOST_REPLAYED]))  # the newest last, as a sampler weighs them


def _same_launch(campaign: Campaign, there: Campaign, theirs: Configuration) -> Configuration | None:
    """The point of this campaign's space that launches exactly what `theirs` launched; None where there is none."""
    known = {**there.entry(theirs.entry).space.fixed, **theirs.values}
    for entry in _of_runtime(campaign, theirs):
        values = _values(campaign, entry, known)
        if values is None:
            continue
        configuration = configuration_of(entry, Point(entry.name, values))
        if (dict(configuration.flags), dict(configuration.env)) == (dict(theirs.flags), dict(theirs.env)):
            return configuration
    return None


def _versions(attempts: Sequence[Attempt]) -> dict[str, str]:
    """Entry -> the engine version that answered last."""
    return {a.configuration.entry: a.engine.version for a in attempts if a.engine is not None}
