"""make chaos: python -m tests.chaos --kills 300 --llama 20 --seed N

Strikes campaign after campaign until so many kills are made, and prints who was killed where and what the census found.
Exit status 1 when anything is lost, doubled, partial, unopenable or left.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.campaigns import REAL, SIMULATED, Kind
from tests.chaos.census import NAMES, Census, Watch, take
from tests.chaos.storm import Storm
from tests.stories._world import proposals

PER_STORM = 24
"""Kills of one campaign at most: then it may end in peace."""


@dataclass
class Series:
    """Storms over one set of campaigns, until `kills` are made."""

    kinds: Sequence[Kind]
    kills: int
    seed: int
    folder: Path
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    census: Census = field(default_factory=Census)
    storms: int = 0
    expected: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def run(self) -> None:
        while self.hits.total() < self.kills:
            kind = self.kinds[self.storms % len(self.kinds)]
            self.one(kind, min(PER_STORM, self.kills - self.hits.total()))

    def one(self, kind: Kind, kills: int) -> None:
        expected = self.uninterrupted(kind)
        folder = self.folder / f"{self.storms:03}-{kind.name}"
        watch = Watch()
        cache = None if kind.real else str(self.folder / "cache")
        storm = Storm(kind, folder, random.Random(f"{self.seed}/{self.storms}"), cache, after_kill=watch.look)
        self.storms += 1
        storm.rage(kills)
        storm.finish("run", storm.campaign, allowed=(0, 1))
        if any(victim == "build" for victim, _ in storm.hits):
            storm.finish("build")
            storm.finish("build", "--out", folder / "again")
        found = take(storm, watch, expected)
        self.hits.update(storm.hits)
        self.census.add(found)
        say(f"{folder.name}: {storm.kills} kills, {found.counts}")
        for line in found.lines():
            say(f"  {line}")
        if not found.lines():
            shutil.rmtree(folder)  # the evidence of a finding stays

    def uninterrupted(self, kind: Kind) -> list[tuple[int, str]] | None:
        """What a run in peace proposes, once per kind."""
        if kind.repeatable and kind.name not in self.expected:
            storm = Storm(kind, self.folder / f"peace-{kind.name}", random.Random(0))
            storm.finish("run", storm.campaign, allowed=(0, 1))
            self.expected[kind.name] = proposals(storm.results)
        return self.expected.get(kind.name)

    def table(self, title: str) -> list[str]:
        lines = [f"{title}: {self.hits.total()} kills in {self.storms} campaigns"]
        for victim, total in Counter(victim for victim, _ in self.hits.elements()).most_common():
            places = Counter({place: count for (one, place), count in self.hits.items() if one == victim})
            lines.append(f"  {victim:9}{total:4}   " + ", ".join(f"{p} {n}" for p, n in places.most_common()))
        return lines


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="kills on simulated campaigns")
    parser.add_argument("--llama", type=int, default=20, help="kills on campaigns of llama.cpp")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats the choice of victims and moments")
    given = parser.parse_args(words)
    folder = Path(tempfile.mkdtemp(prefix="tunebook-chaos-"))
    began = time.monotonic()
    say(f"seed {given.seed}, in {folder}, load {os.getloadavg()[0]:.1f}")
    parts = {
        "simulated": Series(SIMULATED, given.kills, given.seed, folder / "simulated"),
        "llama.cpp": Series(REAL, given.llama, given.seed, folder / "llama"),
    }
    for part in parts.values():
        part.folder.mkdir()
        part.run()
    say("")
    for title, part in parts.items():
        for line in part.table(title):
            say(line)
    say("")
    say(f"{'':12}{'kills':>7}" + "".join(f"{name:>12}" for name in (*NAMES, "trouble")))
    for title, part in parts.items():
        counts = part.census.counts.values()
        say(f"{title:12}{part.hits.total():7}" + "".join(f"{count:12}" for count in counts))
    bad = sum(sum(part.census.counts.values()) for part in parts.values())
    say(f"\n{'nothing is lost, doubled, partial, unopenable or left' if not bad else f'{bad} findings'}")
    say(f"seed {given.seed}, {(time.monotonic() - began) / 60:.0f} minutes")
    if not bad:
        shutil.rmtree(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
