"""`python -m tests.benchmarks.peers [--runs N] [--trials N] [--goal throughput|latency] [--publish]`.

Installs each tool into an environment of its own in the cache, runs it N times on the landscape, two at a time, and
prints a table. A run that is done is not done again: `--folder` keeps them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, median
from typing import Any

from runner.util.net import free_port
from runner.util.project import cache_folder
from tests.benchmarks.peers import landscape
from tests.benchmarks.peers.tools import TOOLS, Task, Tool, environment

CLOSE = 5.0
"""Per cent below the optimum that count as found."""


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    words.add_argument("--runs", type=int, default=5)
    words.add_argument("--trials", type=int, default=40)
    words.add_argument("--goal", choices=("throughput", "latency"), action="append")
    words.add_argument("--tool", action="append", choices=[tool.name for tool in TOOLS])
    words.add_argument("--folder", type=Path, default=cache_folder() / "peers")
    words.add_argument("--publish", action="store_true")
    asked = words.parse_args()
    tools = [tool for tool in TOOLS if asked.tool is None or tool.name in asked.tool]
    shims = asked.folder / "bin"
    write_shim(shims)
    pythons = {tool.name: installed(tool, asked.folder) for tool in tools}
    jobs = [
        (tool, goal, run)
        for run in range(asked.runs)
        for goal in asked.goal or ("throughput", "latency")
        for tool in tools
        if goal == "throughput" or tool.minimises
    ]
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(lambda job: one_run(job[0], job[1], job[2], asked.trials, asked.folder, shims, pythons), jobs)
        )
    rows = [row for row in done if row is not None]
    table = summary(rows)
    print(as_text(table))
    if asked.publish:
        from tests.benchmarks.published import SEARCH, publish, this_machine

        told = {"trials": asked.trials, "rows": table, "versions": versions(pythons), **landscape.shape(CLOSE)}
        publish("peers", {**this_machine(), "command": "make bench-peers", **told}, SEARCH)


def write_shim(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "vllm"
    program.write_text(f"#!{sys.executable}\nfrom tests.benchmarks.peers.shim import main\nraise SystemExit(main())\n")
    program.chmod(0o755)


def installed(tool: Tool, folder: Path) -> Path:
    """The interpreter of the tool's environment, made when it is not there."""
    if tool.package is None:
        return Path(sys.executable)
    place = folder / "env" / tool.package.replace("==", "-")
    done = place / "installed"
    if not done.is_file():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "-q", tool.package], check=True)
        done.touch()
    return place / "bin" / "python"


def one_run(
    tool: Tool, goal: str, run: int, trials: int, folder: Path, shims: Path, pythons: dict[str, Path]
) -> dict[str, Any] | None:
    """The row of one run, from the file of an earlier call where there is one. None: the tool gave up."""
    place = folder / f"{tool.name}-{goal}-{trials}-{run}"
    result = place / "row.json"
    if result.is_file():
        return dict(json.loads(result.read_text("utf-8")))
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    around = environment(place, shims)
    task = Task(place, goal, run, trials, free_port(), pythons[tool.name], around)
    try:
        winner = tool.run(task)
    except (RuntimeError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
        print(f"{tool.name} {goal} run {run}: {error}", file=sys.stderr, flush=True)
        return None
    row = {"tool": tool.name, "goal": goal, "run": run, **counted(place / "deployments.jsonl", winner)}
    result.write_text(json.dumps(row), encoding="utf-8")
    print(f"{tool.name} {goal} run {run}: {row}", file=sys.stderr, flush=True)
    return row


def counted(log: Path, winner: dict[str, Any] | None) -> dict[str, Any]:
    """What the deployments of a run were, against the truth."""
    flags = [landscape.flags_of(json.loads(line)["flags"]) for line in log.read_text("utf-8").splitlines()]
    regrets = [landscape.regret(one) for one in flags]
    found = [number for number, value in enumerate(regrets, 1) if value is not None and value <= CLOSE]
    lived = [value for value in regrets if value is not None]
    chosen = landscape.flags_of(winner) if winner is not None else None
    best = min(lived, default=None)
    regret = landscape.regret(chosen)
    return {
        "deployments": len(flags),
        "crashes": sum(value is None for value in regrets),
        "until_close": found[0] if found else None,
        "best_deployed": best,
        "winner": None if chosen is None else regret,
        "winner_crashes": chosen is not None and regret is None,
        "wrong_winner": chosen is None or regret is None or (best is not None and regret > best + CLOSE),
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    table = []
    for goal in ("throughput", "latency"):
        for tool in TOOLS:
            mine = [row for row in rows if (row["tool"], row["goal"]) == (tool.name, goal)]
            if not mine:
                continue
            until = [row["until_close"] for row in mine if row["until_close"] is not None]
            winners = [row["winner"] for row in mine if row["winner"] is not None]
            table.append(
                {
                    "tool": tool.name,
                    "goal": goal,
                    "runs": len(mine),
                    "deployments": fmean(row["deployments"] for row in mine),
                    "crashes": fmean(row["crashes"] for row in mine),
                    "found": len(until),
                    "until_close": median(until) if until else None,
                    "best_deployed": median(row["best_deployed"] for row in mine if row["best_deployed"] is not None),
                    "winner": median(winners) if winners else None,
                    "wrong_winners": sum(row["wrong_winner"] for row in mine),
                    "winners_that_crash": sum(row["winner_crashes"] for row in mine),
                }
            )
    return table


def as_text(table: list[dict[str, Any]]) -> str:
    heads = list(table[0]) if table else []
    lines = ["  ".join(heads)]
    for row in table:
        cells = ["never" if v is None else f"{v:.1f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("  ".join(cell.ljust(len(head)) for cell, head in zip(cells, heads, strict=True)))
    return "\n".join(lines)


def versions(pythons: dict[str, Path]) -> dict[str, str]:
    """Of each tool and the Optuna that it runs on."""
    ask = "import importlib.metadata as m; print(m.version('optuna'))"
    return {
        tool.name: f"{(tool.package or 'this version').rpartition('==')[2]}, Optuna "
        + subprocess.run([pythons[tool.name], "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
        for tool in TOOLS
        if tool.name in pythons
    }


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
