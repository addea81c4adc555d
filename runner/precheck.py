"""Refuse what can not work before it costs a deployment: the campaign's own constraints, what the engine can
not be asked for, then the engine's own rules."""

from __future__ import annotations

from runner.domain.campaign import Campaign
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration
from runner.runtimes import abstract_of, runtimes
from runner.space.abstract import refusal
from runner.space.constraints import explain
from runner.space.expand import known_names

WHERE = "where"
"""Rule name of a constraint that the campaign wrote."""


def precheck(configuration: Configuration, campaign: Campaign) -> tuple[str, str] | None:
    """(rule, reason with numbers) when the configuration is refused, else None. Pure; called once per proposal.

    A constraint over a flag that is left at the engine's default passes: we do not know that default.
    """
    entry = campaign.entry(configuration.entry)
    names: dict[str, Scalar] = known_names(entry.space, configuration.values, campaign.space.constants)
    for text in entry.space.where:
        if reason := explain(text, names):
            return WHERE, reason
    asked = {**entry.flags, **configuration.values}
    refused = refusal(asked, abstract_of(entry.runtime), campaign.model.label, campaign.hardware.gpus)
    return refused or runtimes.get(configuration.runtime).reject(configuration, campaign)
