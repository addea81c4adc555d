"""What the tests of engines share that need a GPU and are not here."""

from __future__ import annotations

from dataclasses import replace

from runner.domain.campaign import Campaign, Hardware, Scenario
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration
from tests import make


def configuration(runtime: str, flags: dict[str, Scalar]) -> Configuration:
    return Configuration("e", runtime, {}, flags, {}, "0" * 16)


def campaign(gpus: int = 0, tokens: int = 132) -> Campaign:
    """One whose requests have `tokens` tokens, of which 32 are output."""
    given = make.campaign()
    scenario = Scenario(f"D({tokens - 32},32)", "D", tokens - 32, 32)
    return replace(given, hardware=Hardware(gpus), workload=replace(given.workload, scenarios=(scenario,)))
