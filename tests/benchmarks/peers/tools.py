"""How each tool is told the task, and how it tells its winner.

Each has the same space as lists of values, the same number of search trials, its own default settings otherwise, and
what it offers against wrong winners: vllm-optimizer its validation of finalists, tunebook its confirmation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks.peers.landscape import OUTPUT, PROMPT, REQUESTS, SPACE, USERS

TIMEOUT = 3600.0  # seconds for one whole run


@dataclass(frozen=True, slots=True)
class Task:
    """`goal`: `throughput` (maximise) or `latency` (minimise the 95th percentile of a whole request). `python` is the
    interpreter of the tool's own environment; `environment` has the shim first on PATH."""

    folder: Path
    goal: str
    seed: int
    trials: int
    port: int
    python: Path
    environment: Mapping[str, str]

    def call(self, *words: str | Path) -> None:
        """Run the tool to its end; what it said stays in `tool.log`. Raises RuntimeError when it gave up."""
        with (self.folder / "tool.log").open("ab") as log:
            done = subprocess.run(
                [*map(str, words)], cwd=self.folder, env=dict(self.environment), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False,
            )  # fmt: skip
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{words[0]} ended with {done.returncode}; see {self.folder / 'tool.log'}")


class Tool(Protocol):
    """`package` as pip takes it; None: tunebook, which runs from here. `minimises`: it can be asked for a latency."""

    @property
    def name(self) -> str: ...
    @property
    def package(self) -> str | None: ...
    @property
    def minimises(self) -> bool: ...

    def run(self, task: Task) -> dict[str, Any] | None:
        """The flags that the tool names its winner; None when it names none."""


class Tunebook:
    name = "tunebook"
    package = None
    minimises = True

    def run(self, task: Task) -> dict[str, Any] | None:
        metric, goal = {"throughput": ("output_throughput", "maximize"), "latency": ("e2e_p95", "minimize")}[task.goal]
        space = "\n".join(f"      {name}: {json.dumps(list(values))}" for name, values in SPACE.items())
        campaign = task.folder / "peers.yaml"
        campaign.write_text(
            f"""tunebook: 1
name: peers
model: {{id: simulated/tiny}}
runtimes:
  - runtime: command
    command: [vllm, serve, "{{model}}", --host, "{{host}}", --port, "{{port}}", "{{flags}}"]
    env: [PEERS_LOG, PYTHONPATH, PATH]
    space:
{space}
workload:
  scenarios: ["D({PROMPT},{OUTPUT})"]
  load: {{concurrency: [{USERS}]}}
  each_level: {{duration: 60s, requests: {REQUESTS}, warmup: 1}}
objective: {{metric: {metric}, goal: {goal}, at: c={USERS}}}
search: {{sampler: tpe, trials: {task.trials + 1}, seed: {task.seed}}}
confirm: {{top: 3, repeats: 3}}
timeouts: {{load: 60s, ready: 30s, level: 120s, no_progress: 60s, stop: 2s}}
""",
            encoding="utf-8",
        )
        results = task.folder / "results"
        task.call(sys.executable, "-m", "runner", "run", campaign, "--results", results)
        query = "SELECT params_json FROM best JOIN trials USING (trial_id)"
        out = task.folder / "winner.json"
        task.call(
            sys.executable, "-m", "runner", "sql", query, "--format", "json", "--results", results, "--out", out,
        )  # fmt: skip
        rows = json.loads(out.read_text("utf-8"))
        return dict(json.loads(rows[0]["params_json"])) if rows else None


class VllmTuner:
    name = "vllm-tuner"
    package = "vllm-tuner[http]==0.1.6"
    minimises = True

    def run(self, task: Task) -> dict[str, Any] | None:
        """Its server always takes port 8000, so each run has a network of its own. It asks for a time, not for a number
        of requests."""
        metric, goal = {
            "throughput": ("output_tokens_per_sec", "maximize"),
            "latency": ("p95_latency_ms", "minimize"),
        }[task.goal]
        config = {
            "model": "simulated",
            "study": {"name": "peers"},
            "optimization": {
                "objectives": [{"metric": metric, "direction": goal}],
                "sampler": "tpe",
                "n_trials": task.trials,
            },
            "parameters": [{"name": name, "options": [*map(str, values)]} for name, values in SPACE.items()],
            "benchmark": {
                "provider": "http",
                "prompt_tokens": PROMPT,
                "output_tokens": OUTPUT,
                "max_seconds": 4,
                "concurrent_requests": USERS,
            },
            "output": {"directory": str(task.folder / "out")},
        }
        (task.folder / "study.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        program = 'ip link set lo up && exec "$0" -m vllm_tuner.cli.main run --config "$1" --output_dir "$2"'
        study, out = task.folder / "study.yaml", task.folder / "out"
        task.call("unshare", "--net", "sh", "-c", program, task.python, study, out)
        read = (
            "import json, optuna, sys\n"
            "study = optuna.load_study(study_name='peers', storage='sqlite:///' + sys.argv[1])\n"
            "json.dump(study.best_trials[0].params, open(sys.argv[2], 'w'))\n"
        )
        task.call(task.python, "-c", read, out / "study.db", task.folder / "winner.json")
        return dict(json.loads((task.folder / "winner.json").read_text("utf-8")))


class VllmOptimizer:
    name = "vllm-optimizer"
    package = "vllm-optimizer==0.1.0a21"
    minimises = False

    def run(self, task: Task) -> dict[str, Any] | None:
        (task.folder / "model").mkdir(exist_ok=True)
        config = {
            "experiment": {"name": "peers", "output_dir": str(task.folder / "runs"), "seed": task.seed},
            "server": {"model": str(task.folder / "model"), "host": "127.0.0.1", "port": task.port},
            "tune": {name: {"values": list(values)} for name, values in SPACE.items()},
            "benchmark": {"engine": "vllm", "repeats": 2, "runs": [{"name": "load", "args": {}}]},
            "optimization": {"maximize": "output_tokens_per_second", "sampler": "tpe", "trials": task.trials},
            "analysis": {"finalist_validation": {"top_k": 3, "repeats": 3}},
            "timeouts": {"startup": "60 s", "benchmark": "120 s"},
        }
        (task.folder / "experiment.yaml").write_text(json.dumps(config), encoding="utf-8")
        task.call(task.python.with_name("vllm-opt"), "--config", task.folder / "experiment.yaml")
        return _optimizer_winner(task.folder)


def _optimizer_winner(folder: Path) -> dict[str, Any] | None:
    """What it calls `best`, the default included; whether it is sure of it stands apart (`selection_decision`)."""
    found = sorted((folder / "runs").rglob("result.json"), key=lambda path: len(path.parts))
    best = json.loads(found[0].read_text("utf-8"))["best"]
    return dict(best["server_args"]) if best else None


TOOLS: tuple[Tool, ...] = (Tunebook(), VllmOptimizer(), VllmTuner())


def environment(folder: Path, shims: Path) -> dict[str, str]:
    root = Path(__file__).parents[3]
    return {
        **os.environ,
        "PATH": f"{shims}:{os.environ['PATH']}",
        "PEERS_LOG": str(folder / "deployments.jsonl"),
        "PYTHONPATH": str(root),
        "NO_COLOR": "1",
    }
