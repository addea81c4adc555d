"""Another objective and other SLOs for a campaign that was measured already: from a YAML text, or from words of a
command line. Both pass the checks that a campaign file passes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.campaign.build import build_objective, build_slo
from runner.campaign.checks import check_rules
from runner.campaign.document import Document, read
from runner.campaign.validate import validate
from runner.domain.campaign import Campaign, Objective, Slo
from runner.domain.metrics import metric_ref
from runner.errors import CampaignError, Problem, UsageError
from runner.scoring.levels import needed_levels
from runner.scoring.rules import rules_of

COMMAND_LINE = "command line"
KEYS = ("objective", "slo")
_AROUND = {
    "tunebook": 1,
    "name": "rescored",
    "model": {"path": "none"},
    "runtimes": [{"runtime": "simulated"}],
    "workload": {"scenarios": ["D(1,1)"], "load": {"concurrency": [1]}},
}
"""Stands for the rest of a campaign, of which nothing is asked."""
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class OtherRules:
    """`text` is YAML with `objective:`, `slo:` or both; `source` is what messages call it. What is not there stays as
    a campaign has it; `slo: {}` is no SLO at all."""

    text: str
    source: str

    def of(self, campaign: Campaign) -> Campaign:
        """`campaign` under these rules. Raises CampaignError with every problem."""
        document = read(self.text, self.source)
        given = document.data if isinstance(document.data, dict) else {}
        problems = _strangers(document, given)
        data = {**_AROUND, "hardware": {"gpus": campaign.hardware.gpus}, **{k: given[k] for k in KEYS if k in given}}
        data.setdefault("objective", {"metric": campaign.objective.metric, "at": campaign.objective.at})
        document.data = data
        reading = validate(document)
        problems += reading.problems
        if reading.file is None or problems:
            raise CampaignError(list(dict.fromkeys(problems)))
        kept = frozenset(
            {("workload",)} if "slo" in given else {("workload",), ("slo", "")}
        )  # nothing is said of these
        problems += check_rules(reading.file, document, replace(reading, broken=reading.broken | kept))
        if problems:
            raise CampaignError(list(dict.fromkeys(problems)))
        objective = build_objective(reading.file.objective) if "objective" in given else campaign.objective
        slos = tuple(build_slo(*one) for one in reading.file.slo.items()) if "slo" in given else campaign.slos
        return replace(campaign, objective=_possible(objective, slos, campaign), slos=slos)


def from_words(objective: str | None, slos: Sequence[str], without_slos: bool = False) -> OtherRules:
    """From `output_throughput@c=8:maximize` and `ttft_p99=500ms:hard`. Raises UsageError for words that are neither."""
    plain: dict[str, Any] = {}
    if objective is not None:
        plain["objective"] = _objective(objective)
    if slos or without_slos:
        plain["slo"] = dict(_slo(text) for text in slos)
        if len(plain["slo"]) < len(slos):
            raise UsageError("--slo names one metric twice", hint="one limit for each metric")
    return OtherRules("\n".join(f"{key}: {json.dumps(value)}" for key, value in plain.items()), COMMAND_LINE)


def _objective(text: str) -> dict[str, Any]:
    rest, _, goal = text.partition(":")
    metric, _, at = rest.partition("@")
    if not metric.strip():
        raise UsageError(f"--objective {text!r} names no metric", hint="METRIC[@LEVEL][:GOAL]: output_throughput@c=8")
    plain = {"metric": metric.strip(), "at": at.strip(), "goal": goal.strip()}
    return {key: value for key, value in plain.items() if value}


def _slo(text: str) -> tuple[str, dict[str, Any]]:
    """The limit is a minimum where higher is better."""
    head, *more = text.split(":")
    name, equals, limit = (part.strip() for part in head.partition("="))
    hint = "METRIC=LIMIT[:hard][:weight=W][:steepness=S]: ttft_p99=500ms:hard"
    if not (name and equals and limit):
        raise UsageError(f"--slo {text!r} is not METRIC=LIMIT", hint=hint)
    plain: dict[str, Any] = {_direction(name): _value(limit)}
    for word in more:
        key, equals, value = (part.strip() for part in word.partition("="))
        if key == "hard" and not equals:
            plain["hard"] = True
        elif key in ("weight", "steepness") and value:
            plain[key] = _value(value)
        else:
            raise UsageError(f"--slo {text!r}: {word!r} is none of hard, weight=W, steepness=S", hint=hint)
    return name, plain


def _direction(name: str) -> str:
    try:
        return "min" if metric_ref(name).metric.higher_is_better else "max"
    except ValueError:
        return "max"  # an unknown metric: the checks say so, with the nearest


def _value(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


def _strangers(document: Document, given: dict[str, Any]) -> list[Problem]:
    problems = list(document.problems)
    for key in given:
        if key not in KEYS:
            what = f"{key!r} is no part of the rules: they are objective and slo"
            problems.append(
                Problem("unknown-key", what, document.at_key(key), "the rest of a campaign stays as it ran")
            )
    if not problems and not given:
        problems.append(Problem("campaign-yaml", "no objective and no slo", document.at_value(), "give one of them"))
    return problems


def _possible(objective: Objective, slos: Sequence[Slo], campaign: Campaign) -> Objective:
    """Raises CampaignError where the objective needs what this campaign has not."""
    if objective.at == "goodput" and not slos:
        what = "objective.at: goodput is the highest load that meets the SLOs, and the campaign has none"
        raise CampaignError([Problem("objective-at", what, None, "give some: --slo ttft_p99=500ms")])
    rules = rules_of(replace(campaign, objective=objective, slos=tuple(slos)))
    if not needed_levels(rules):
        loads = ", ".join(f"{value:g}" for value in sorted(campaign.workload.loads))
        what = f"objective.at: {objective.at} was not measured"
        hint = f"{campaign.name} has the loads {campaign.workload.load_kind.value} {loads}"
        raise CampaignError([Problem("objective-at", what, None, hint)])
    return objective
