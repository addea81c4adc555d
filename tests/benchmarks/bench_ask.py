"""CPU time of one ask, by sampler and length of the history. `python -m tests.benchmarks.bench_ask`; no test."""

from __future__ import annotations

import time
from statistics import median

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Space
from runner.samplers import Told, samplers
from runner.samplers._seeding import generator
from runner.space.expand import random_point


def space() -> Space:
    """Two engines with twelve parameters each."""
    parameters: dict[str, Parameter] = {f"int{i}": Int(1, 512, log=True) for i in range(4)}
    parameters |= {f"float{i}": Float(0.5, 0.95) for i in range(3)}
    parameters |= {f"choice{i}": Choice(("a", "b", "c")) for i in range(4)}
    parameters["inner"] = Choice((True, False), when="choice0 == 'a'")
    return Space((EntrySpace("one", parameters), EntrySpace("two", dict(parameters))))


def history(length: int) -> list[Told]:
    points = [random_point(space(), generator(1, number, 0)) for number in range(length)]
    return [Told(n, p, None if n % 3 == 0 else float(n % 17), 0.8 if n % 3 == 0 else 0.0) for n, p in enumerate(points)]


def main() -> None:
    print("sampler  history  median ms  worst ms  (first ask left out: it imports)")
    for name in samplers.names():
        for length in (0, 10, 50, 200):
            told, taken = history(length), []
            for repeat in range(12):
                before = time.process_time()
                samplers.get(name).ask(space(), Goal.MAXIMIZE, told, (), Search(seed=repeat // 12), length, repeat % 4)
                taken.append((time.process_time() - before) * 1000)
            print(f"{name:8} {length:7} {median(taken[1:]):10.2f} {max(taken[1:]):9.2f}")


if __name__ == "__main__":
    main()
