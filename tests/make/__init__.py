"""Builders of facts with sensible defaults, and a small believable store. Deterministic: no clock, no randomness.

    from tests import make
    made = make.write_store(tmp_path / "results")

`write_store` seals what a real run would have sealed (12 trials of llama.cpp-like entries on CPU, with failures in
several phases, rejections, an infrastructure fault that was retried, confirm attempts and comparisons), then ingests
it and publishes the snapshot. Every builder takes keyword changes for any field of its dataclass.
"""

from __future__ import annotations

from runner.fixtures.facts import *  # noqa: F403
from runner.fixtures.header import *  # noqa: F403
from runner.fixtures.levels import *  # noqa: F403
from runner.fixtures.sealing import *  # noqa: F403
from runner.fixtures.verdicts import *  # noqa: F403
from tests.make.comparable import *  # noqa: F403
from tests.make.searched import *  # noqa: F403
from tests.make.store import *  # noqa: F403
