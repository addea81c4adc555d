"""What a search takes from earlier lineages. Found once, when its series begins, and frozen into the run_start record:
records that are sealed later change nothing of a search that has begun."""

from __future__ import annotations

from dataclasses import dataclass

from runner.domain.parameters import Values


@dataclass(frozen=True, slots=True)
class WarmStart:
    """A configuration to deploy after the defaults. `values` are those of this campaign's `entry`. It was trial
    `number` of `campaign`; `gain` is its `metric` over that of its entry's default there, less 1 (None: not known);
    `model` is whose trial it was, None when it was this campaign's model."""

    entry: str
    values: Values
    fingerprint: str
    campaign: str
    number: int
    trial_id: str
    metric: str
    gain: float | None = None
    confirmed: bool = False
    model: str | None = None

    @property
    def text(self) -> str:
        """`trial 14 of llama3-chat, +38 % output_throughput there, confirmed`"""
        parts = [f"trial {self.number} of {self.campaign}"]
        if self.gain is not None:
            parts.append(f"{100 * self.gain:+.0f} % {self.metric} there")
        if self.confirmed:
            parts.append("confirmed")
        if self.model is not None:
            parts.append(f"with {self.model}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A trial of another lineage that ran exactly what this campaign's `entry` would run at `values`, on the same
    model and hardware. `score` is under the rules `rules_id`, None for a failure and where it is not comparable;
    `severity` 0 for a success. `version` is its engine's. `lineage` tells the sources apart."""

    entry: str
    values: Values
    fingerprint: str
    lineage: str
    campaign: str
    number: int
    score: float | None
    severity: float
    rules_id: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Prior:
    warm_start: tuple[WarmStart, ...] = ()
    replayed: tuple[Replayed, ...] = ()
