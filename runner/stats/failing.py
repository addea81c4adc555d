"""What a pile of failed trials says: which came nearest to success, and which values go with failing later. Pure.

A value is said to go with failing later only when both sides have at least FEWEST trials, the medians of severity
differ by at least SMALLEST, and a rank test, corrected for all the values that were looked at, gives chance less than
LEVEL. A search chooses its trials by what it saw, so this is a tendency to look at, not a proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from runner.domain.failure import Failure, Hint
from runner.domain.parameters import Scalar
from runner.stats.ranks import holm, rank_sum

FEWEST = 3
SMALLEST = 0.05
"""Of severity: one step of the printed table, where the steps are small."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Tried:
    """One judged trial. `severity` 0 and no failure: it succeeded. `values` is what the sampler chose."""

    number: int
    entry: str
    values: Mapping[str, Scalar]
    severity: float
    levels_done: int = 0
    failure: Failure | None = None
    hint: Hint | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Trials of `entry` with `what` (`cache-dtype = q8`, `max-num-seqs up to 8`) against the others of that entry that
    have the parameter. `chance` is the corrected probability of so uneven a split by chance."""

    entry: str
    parameter: str
    what: str
    trials: int
    others: int
    severity: float
    severity_others: float
    chance: float

    @property
    def text(self) -> str:
        return (
            f"{self.what} fails later: median severity {self.severity:.2f} in {self.trials} trials, "
            f"else {self.severity_others:.2f} in {self.others} (chance {_percent(self.chance)})"
        )


def nearest(trials: Iterable[Tried]) -> Tried | None:
    """The failed trial that came nearest to success: least severity, then most levels done, then the first one."""
    failed = [trial for trial in trials if trial.severity > 0]
    return min(failed, key=lambda trial: (trial.severity, -trial.levels_done, trial.number), default=None)


def findings(trials: Sequence[Tried]) -> tuple[Finding, ...]:
    """Values that go with failing later (or not at all), the surest first. Empty where there is no evidence."""
    splits = [_Split(entry, *split) for entry in _entries(trials) for split in _splits(trials, entry)]
    splits = [split for split in splits if len(split.mine) >= FEWEST and len(split.rest) >= FEWEST]
    # Every question that was asked counts, also those that go the other way; `a or b` is one question, not two.
    asked = list(dict.fromkeys(split.question for split in splits))
    chance_of = dict(zip(asked, holm([rank_sum(*question[2:]) for question in asked]), strict=True))
    found = [
        Finding(
            split.entry,
            split.parameter,
            split.what,
            len(split.mine),
            len(split.rest),
            median(split.mine),
            median(split.rest),
            chance_of[split.question],
        )
        for split in splits
        if chance_of[split.question] <= LEVEL and median(split.rest) - median(split.mine) >= SMALLEST
    ]
    return tuple(sorted(found, key=lambda one: (one.chance, one.entry, one.parameter, one.what)))


@dataclass(frozen=True, slots=True)
class _Split:
    entry: str
    parameter: str
    what: str
    mine: list[float]
    rest: list[float]

    @property
    def question(self) -> tuple[str, str, tuple[float, ...], tuple[float, ...]]:
        """The same for a division and for its mirror image."""
        one, other = sorted((tuple(sorted(self.mine)), tuple(sorted(self.rest))))
        return self.entry, self.parameter, one, other


def _entries(trials: Sequence[Tried]) -> list[str]:
    return sorted({trial.entry for trial in trials})


def _splits(trials: Sequence[Tried], entry: str) -> list[tuple[str, str, list[float], list[float]]]:
    """Every way to divide an entry's trials by one parameter: a number at its median, words one against the others."""
    made = []
    mine = [trial for trial in trials if trial.entry == entry]
    for name in sorted({name for trial in mine for name in trial.values}):
        having = [trial for trial in mine if name in trial.values]
        values = [trial.values[name] for trial in having]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            made += _halves(name, having)
        else:
            made += _words(name, having)
    return made


def _halves(name: str, having: Sequence[Tried]) -> list[tuple[str, str, list[float], list[float]]]:
    numbers = sorted({float(trial.values[name]) for trial in having})
    if len(numbers) < 2:
        return []
    border = max(number for number in numbers if number <= median(float(t.values[name]) for t in having))
    if border == numbers[-1]:
        border = numbers[-2]
    low = [trial.severity for trial in having if float(trial.values[name]) <= border]
    high = [trial.severity for trial in having if float(trial.values[name]) > border]
    return [(name, f"{name} up to {border:.6g}", low, high), (name, f"{name} above {border:.6g}", high, low)]


def _words(name: str, having: Sequence[Tried]) -> list[tuple[str, str, list[float], list[float]]]:
    made = []
    for value in sorted({spelled(trial.values[name]) for trial in having}):
        mine = [trial.severity for trial in having if spelled(trial.values[name]) == value]
        rest = [trial.severity for trial in having if spelled(trial.values[name]) != value]
        made.append((name, f"{name} = {value}", mine, rest))
    return made


def spelled(value: Scalar) -> str:
    """As one writes it in a campaign file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _percent(chance: float) -> str:
    return "under 0.1 %" if chance < 0.001 else f"{100 * chance:.2g} %"
