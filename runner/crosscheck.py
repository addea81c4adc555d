"""STORY crosscheck(): the same prompts to every entry, or to given trials, and how far their answers agree.

Nothing of it enters the store: no load is measured, so that no trial could be judged by it. The attempts are sealed
in a results folder of their own, `results/crosscheck`, with the answers as texts: there one reads where two part.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.ask import prompt_set, read_answers
from runner.campaign.load import load, resolved
from runner.domain.answers import Agreement, Answers
from runner.domain.campaign import Campaign, Quality
from runner.domain.failure import Outcome, Phase, Role
from runner.domain.ids import trial_id
from runner.domain.parameters import Point
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt, Configuration
from runner.errors import UnknownId, UsageError
from runner.lineage import Lineage
from runner.lineage_lock import owned_lineage
from runner.order import Order
from runner.preflight import convert_models, refuse_unless_ready
from runner.reap import reap, sweep
from runner.run_trial import run_trial
from runner.runtimes import configuration as configuration_of
from runner.stats.agreement import agree
from runner.store.history import history, lineage_facts
from runner.store.record import record_path
from runner.util.clock import new_id

FOLDER = "crosscheck"
"""Below the results folder: a results folder of its own, without a store."""

Notify = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """One configuration. `number` is its trial's, None for the default of an entry that was not asked for as a trial.
    `agreement` is None for the reference, for what did not answer, and where the reference did not. `record` holds its
    answers and its engine's log."""

    configuration: Configuration
    number: int | None
    is_reference: bool
    attempt: Attempt
    record: Path
    agreement: Agreement | None = None

    @property
    def answered(self) -> int:
        return self.attempt.quality.answered if self.attempt.quality else 0


@dataclass(frozen=True, slots=True)
class Crosschecked:
    """`interrupted`: it was stopped before the last one was asked."""

    campaign: Campaign
    reference: str
    prompts: int
    checked: tuple[Checked, ...]
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """1 when nothing was compared: the answer is no."""
        if self.interrupted:
            return 130
        return 0 if any(one.agreement is not None for one in self.checked) else 1


def crosscheck(
    path: Path,
    results: Path,
    project: Path,
    reference: str | None,
    trials: Sequence[int],
    stop: Callable[[], bool],
    notify: Notify,
) -> Crosschecked:
    """Deploy each configuration once, the reference first, ask, compare.

    `reference` names an entry (None: that of `quality:`, else the first one); `trials` are numbers of the campaign's
    latest series (none: the default of every entry). Raises CampaignError, UsageError, UnknownId, NotReady,
    AlreadyRunning, StoreError, NoSpace.
    """
    campaign = load(path)
    named = reference or (campaign.quality.reference if campaign.quality else campaign.entries[0].name)
    wanted = _wanted(campaign, _known(campaign, named), results, trials)
    refuse_unless_ready(campaign, project)
    convert_models(campaign, project, lambda text: notify("notice", {"message": text}), stop)
    own = results / FOLDER
    asking = _only_asked(campaign, named)
    with owned_lineage(results, campaign.search_key, campaign.name):  # two engines at once would be in each other's way
        own.mkdir(parents=True, exist_ok=True)
        reap(own)
        sweep([campaign.deploy.kind])
        run_id, found = new_id(), list[Checked]()
        first: Answers | None = None
        for place, (configuration, number) in enumerate(wanted):
            order = Order(
                attempt_id=new_id(),
                run_id=run_id,
                trial_id=trial_id(campaign.search_key, 0, configuration.fingerprint),
                series=0,
                number=place if number is None else number,
                role=Role.AUDIT,
                configuration=configuration,
                campaign=resolved(asking),
                results=str(own),
                project=str(project),
            )
            notify("notice", {"message": f"asking {name_of(configuration, number)}"})
            attempt = run_trial(order, stop, lambda message: _pass_on(message, notify))
            record = record_path(own, RecordKind.ATTEMPT, attempt.attempt_id)
            answers = read_answers(record)
            first = answers if place == 0 else first
            compared = agree(first.answers, answers.answers) if place and first and answers else None
            compared = compared if compared is not None and compared.prompts else None
            found.append(Checked(configuration, number, place == 0, attempt, record, compared))
            if stop() or (place == 0 and (answers is None or attempt.outcome is not Outcome.MEASURED)):
                break  # without a reference there is nothing to compare with
        return Crosschecked(campaign, named, len(prompt_set().prompts), tuple(found), stop())


def name_of(configuration: Configuration, number: int | None) -> str:
    """`f16` is the default of that entry; else `trial 3 of f16`, whose values stand in the campaign's results."""
    return configuration.entry if number is None else f"trial {number} of {configuration.entry}"


def _known(campaign: Campaign, name: str) -> str:
    names = [entry.name for entry in campaign.entries]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(names)}"
        raise UsageError(f"--reference: {campaign.name} has no entry {name!r}", hint=hint)
    return name


def _wanted(
    campaign: Campaign, reference: str, results: Path, trials: Sequence[int]
) -> list[tuple[Configuration, int | None]]:
    """The reference's default first, then every other configuration once, with its trial's number where it has one."""
    defaults = [
        configuration_of(entry, Point(entry.name))
        for entry in sorted(campaign.entries, key=lambda entry: entry.name != reference)
    ]
    chosen: dict[str, tuple[Configuration, int | None]] = {defaults[0].fingerprint: (defaults[0], None)}
    if trials:
        known = _trials(campaign, results)
        for number in trials:
            if number not in known:
                there = f"it has {min(known)} to {max(known)}" if known else "`tunebook run` makes some"
                raise UnknownId(f"{campaign.name} has no trial {number}", hint=there)
            chosen.setdefault(known[number].fingerprint, (known[number], number))
    else:
        chosen |= {one.fingerprint: (one, None) for one in defaults[1:]}
    if len(chosen) == 1:
        what = f"{campaign.name} has one configuration here, the default of {reference}: nothing to compare it with"
        raise UsageError(what, hint="name trials of it: --trial 3 --trial 7; or add an entry to the campaign")
    return list(chosen.values())


def _trials(campaign: Campaign, results: Path) -> dict[int, Configuration]:
    """Of the latest series that ran."""
    starts = lineage_facts(results, campaign.search_key).starts
    series = max((start.series for start in starts), default=0)
    return dict(Lineage.of(campaign, series, history(results, campaign.search_key, series)).known)


def _only_asked(campaign: Campaign, reference: str) -> Campaign:
    """The campaign without levels: an attempt of it deploys, asks, and ends."""
    workload = replace(campaign.workload, scenarios=())
    return replace(campaign, workload=workload, quality=Quality(reference))


def _pass_on(message: dict[str, Any], notify: Notify) -> None:
    """The phases of an attempt; it has no score."""
    if message["event"] != "attempt_ended":
        notify(message["event"], {key: value for key, value in message.items() if key != "event"})


def died_of(checked: Checked) -> str | None:
    """Why it did not answer, in words; None when it answered every prompt."""
    failure = checked.attempt.failure
    if failure is not None:
        return f"{failure.cause.value} at {failure.phase.value}: {failure.evidence}"
    facts = checked.attempt.quality
    if facts is not None and facts.answered < facts.asked:
        return f"{facts.answered} of {facts.asked} prompts were answered"
    return None if facts is not None else f"ended at {Phase.SLO.value}"
