"""Every sampler and treatment of failures on every landscape. `make bench-search`; goes on where it was interrupted.

    python -m tests.benchmarks.search.bench --out FILE.jsonl [--seeds 20] [--minutes 9] [--publish]

One line of FILE is one search; a search that stands there is not played again, unless a sampler or a landscape changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runner.samplers import Told
from tests.benchmarks.search import replay, serving, table
from tests.benchmarks.search.landscape import HELD_OUT, TUNING, Landscape
from tests.benchmarks.search.play import Variant, as_earlier, play

VARIANTS = {
    one.name: one
    for one in (
        *(Variant(asker) for asker in ("random", "grid", "tpe", "fail", "inf", "classic", "gp", "tpe-gp")),
        *(Variant(asker, precheck=True) for asker in ("random", "tpe", "gp")),
        *(Variant(asker, history=True) for asker in ("tpe", "gp")),
        Variant("tpe", precheck=True, history=True),
    )
}  # fmt: skip
NAMES = (*serving.MAKERS, replay.NAME)
TRIALS = 40


@dataclass(frozen=True, slots=True)
class Job:
    landscape: str
    instance: int
    seed: int
    variant: str
    trials: int

    @property
    def key(self) -> str:
        parts = (self.landscape, self.instance, self.seed, self.variant, self.trials)
        return "/".join(str(part) for part in (*parts, sources(self.landscape, self.variant)))


def landscape(name: str, instance: int) -> Landscape:
    return replay.make(instance) if name == replay.NAME else serving.make(name, instance)


def applies(name: str, variant: Variant) -> bool:
    """A pre-check needs declared rules; an earlier campaign of a grid that is replayed does not exist."""
    if variant.history and (name == replay.NAME or name == "all failing"):
        return False
    return not variant.precheck or landscape(name, TUNING[0]).rule is not None


def jobs(names: list[str], variants: list[str], instances: tuple[int, ...], seeds: int, trials: int) -> Iterator[Job]:
    """Seed by seed, so that a benchmark which is not finished is a whole one of fewer seeds."""
    for seed in range(seeds):
        for name in names:
            for variant in variants:
                if applies(name, VARIANTS[variant]):
                    yield Job(name, instances[seed % len(instances)], seed, variant, trials)


def done(job: Job) -> dict[str, Any]:
    """Play it: one line of the file."""
    earlier: list[Told] = []
    variant = VARIANTS[job.variant]
    if variant.history:
        before = serving.earlier(job.landscape, job.instance)
        earlier = as_earlier(play(before, Variant("tpe"), 500 + job.seed, job.trials)[1])
    played, _ = play(landscape(job.landscape, job.instance), variant, job.seed, job.trials, earlier)
    return {"key": job.key, **asdict(job), **asdict(played)}


ONLY: dict[str, tuple[str, ...]] = {
    "gp.py": ("gp", "tpe-gp"), "gaussian.py": ("gp", "tpe-gp"), "numbers.py": ("gp", "tpe-gp"),
    "tpe.py": ("tpe", "tpe-gp"), "_optuna.py": ("tpe", "tpe-gp"), "grid.py": ("grid",), "random.py": ("random",),
    "replay.py": (replay.NAME,), replay.GRID.name: (replay.NAME,),
    "bench.py": (), "table.py": (), "paired.py": (), "make_grid.py": (),
}  # fmt: skip
"""File -> the askers and landscapes whose numbers follow from it; from any other file all of them do."""


@cache
def sources(name: str, variant: str) -> str:
    """What the numbers follow from: the samplers, this folder, Optuna. Another one of them, other numbers."""
    here = Path(__file__).parent
    used = {name, VARIANTS[variant].asker, "tpe" if VARIANTS[variant].history else ""}
    files = [*here.glob("*.py"), *here.glob("*.json"), *(here.parents[2] / "runner" / "samplers").glob("*.py")]
    kept = [path for path in files if used.intersection(ONLY.get(path.name, used))]
    content = b"".join(path.read_bytes() for path in sorted(kept))
    return hashlib.sha256(content + version("optuna").encode()).hexdigest()[:8]


def main() -> None:
    options = _options()
    names = [name for name in NAMES if not options.landscapes or name in options.landscapes.split(",")]
    variants = [name for name in VARIANTS if not options.variants or name in options.variants.split(",")]
    instances = TUNING if options.tuning else HELD_OUT
    wanted = list(jobs(names, variants, instances, options.seeds, options.trials))
    lines = {line["key"]: line for line in _lines(options.out)}
    if not options.only_table:
        _play_missing([job for job in wanted if job.key not in lines], options.out, options.jobs, options.minutes)
        lines = {line["key"]: line for line in _lines(options.out)}
    found = [lines[job.key] for job in wanted if job.key in lines]
    print(f"{len(found)} of {len(wanted)} searches")
    print(table.text(found))
    if options.publish and len(found) == len(wanted):
        table.publish(found)


def _play_missing(missing: list[Job], out: Path, processes: int, minutes: float) -> None:
    ends = time.monotonic() + 60 * minutes
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8") as file, ProcessPoolExecutor(processes) as pool:
        for begin in range(0, len(missing), 4 * processes):
            if time.monotonic() > ends:
                return
            for future in as_completed([pool.submit(done, job) for job in missing[begin : begin + 4 * processes]]):
                file.write(json.dumps(future.result()) + "\n")
                file.flush()


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    whole = [line for line in path.read_text("utf-8").splitlines() if line.endswith("}")]  # the last may be cut
    return [json.loads(line) for line in whole]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where searches are kept, one a line")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long; run again to go on")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--landscapes", default="", help="a,b: only these")
    parser.add_argument("--variants", default="", help="a,b: only these")
    parser.add_argument("--tuning", action="store_true", help="the instances to tune on, not those to judge by")
    parser.add_argument("--only-table", action="store_true")
    parser.add_argument("--publish", action="store_true", help="keep it for the methodology page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
