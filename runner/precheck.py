"""Refuse what can not work before it costs a deployment: the campaign's own constraints, what the engine can
not be asked for, then the engine's own rules and its memory formula."""

from __future__ import annotations

from runner.domain.campaign import Campaign
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration
from runner.runtimes import abstract_of, rules_of, runtimes
from runner.space.abstract import refusal
from runner.space.constraints import explain
from runner.space.expand import known_names

WHERE = "where"
"""Rule name of a constraint that the campaign wrote."""

UNTESTABLE = frozenset({WHERE, "abstract-field", "abstract-value", "revision-not-passed", "needs-continuous-batching"})
"""Rules that predict no failure: what the campaign's author does not want, what there is no launch for, what would run
and be something else, or a waste. With those of a table that predict nothing they are not audited, and hold with
`precheck: off` too. View `precheck_quality` names them all."""


def precheck(
    configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
) -> tuple[str, str] | None:
    """(rule, reason with numbers) when the configuration is refused, else None. Pure; called once per proposal.

    A constraint over a flag that is left at the engine's default passes: we do not know that default. `ground` is what
    is known of model and machine; with `precheck: off` of the campaign only what predicts no failure is refused.
    """
    entry = campaign.entry(configuration.entry)
    names: dict[str, Scalar] = known_names(entry.space, configuration.values, campaign.space.constants)
    for text in entry.space.where:
        if reason := explain(text, names):
            return WHERE, reason
    asked = {**entry.flags, **configuration.values}
    for refused in (
        refusal(asked, abstract_of(entry.runtime), campaign.model.label, campaign.hardware.gpus),
        runtimes.get(configuration.runtime).reject(configuration, campaign, ground),
    ):
        if refused and (campaign.search.precheck or not predicts_failure(entry.runtime, refused[0])):
            return refused
    return None


def predicts_failure(runtime: str, rule: str) -> bool:
    """Whether a rule says that the engine would fail: then an audit can prove it wrong. Raises UnknownMember."""
    mute = {one.name for one in rules_of(runtime).rules if not one.predicts}
    return rule not in UNTESTABLE and rule not in mute
