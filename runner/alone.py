"""Was the machine ours alone while something was measured again? What other programs take of its CPU beside an attempt.

Asked between the attempts, when nothing of ours runs: then all that is busy is somebody else's, whatever deployer the
engine comes from. What begins and ends within one attempt is not seen, but for CPU time that a hypervisor took away.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from runner.domain.trial import Attempt
from runner.hardware import load
from runner.hardware.facts import host_facts
from runner.scoring.doubts import STOLEN

DISTURBED = STOLEN
"""Share of all CPU time from which on others are no longer ignored: the one at which a level is marked as stolen."""

BUSY = 0.25
"""Load average per core, of a minute, that others may make."""


@dataclass
class Alone:
    """`before`: share of the CPU, in [0, 1], that others took at the last look. `here`: False where a server that
    nobody starts or stops may itself be what is busy, so that nothing is known. `average`: 1 minute load average per
    core before anything of ours began, for systems that tell no more."""

    here: bool
    average: float
    before: float = 0.0

    @classmethod
    def begin(cls, kind: str) -> Alone:
        """Look before the first attempt. `kind` is the campaign's deployer."""
        alone = cls(kind != "attach", os.getloadavg()[0] / (host_facts().cpu_count or 1))
        alone.before = alone.look()
        return alone

    @property
    def doubts(self) -> list[str]:
        """Of the minute before."""
        if self.average < BUSY:
            return []
        cpus = host_facts().cpu_count or 1
        return [f"the machine was busy before anything was started: load {self.average * cpus:.1f} on {cpus} cores"]

    def look(self) -> float:
        """What others take now."""
        if not self.here:
            return 0.0
        share = load.others()
        if share is None:
            return self.average if self.average >= BUSY else 0.0
        return share

    def taken(self, attempt: Attempt) -> float:
        """The largest share that others took just before, in, and just after `attempt`, which has ended."""
        before, self.before = self.before, self.look()
        stolen = [level.load.steal for level in attempt.levels if level.load is not None]
        return max(before, self.before, *stolen)


def disturbance(shares: Sequence[float]) -> str | None:
    """Beside how many repeats others used the machine, and how much of it; None: beside none."""
    many = sum(share > DISTURBED for share in shares)
    if not many:
        return None
    return f"other programs took up to {100 * max(shares):.0f} % of the CPU beside {many} of {len(shares)} repeats"
