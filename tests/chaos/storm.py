"""One campaign under kills: run, strike at a random moment, run again, until it is done; then one run in peace."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import victims
from tests.chaos.campaigns import Kind
from tests.stories._world import environment

MOMENTS = ("run_started", "start", "load", "measure", "done", "attempt_ended", "trial_ended", "trial_ended")
LONGEST = 300.0
"""Seconds that one command may take before the storm says that it hangs."""


@dataclass
class Storm:
    """The folder of one campaign and what was done to it. `hits`: (victim, where) -> kills."""

    kind: Kind
    folder: Path
    chance: random.Random
    cache: str | None = None
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    logs: int = 0
    after_kill: Callable[[Storm], None] = lambda storm: None
    usual: dict[str, float] = field(default_factory=lambda: {"build": 6.0, "rebuild": 3.0})

    def __post_init__(self) -> None:
        (self.folder / "tmp").mkdir(parents=True)
        self.campaign = self.kind.write(self.folder)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def kills(self) -> int:
        return self.hits.total()

    def start(self, *words: str | Path) -> Command:
        """A command with its output in files: `log-N.out` and `log-N.err`."""
        self.logs += 1
        extra = {"TMPDIR": str(self.folder / "tmp")} | ({"TUNEBOOK_CACHE": self.cache} if self.cache else {})
        out, err = (self.folder / f"log-{self.logs:03}.{end}" for end in ("out", "err"))
        with out.open("wb") as to, err.open("wb") as errors:
            popen = subprocess.Popen(
                [sys.executable, "-m", "runner", *map(str, words)],
                env=environment(self.results, **extra), stdin=subprocess.DEVNULL, stdout=to, stderr=errors,
                cwd=self.folder,
            )  # fmt: skip
        return Command(popen, out, err, " ".join(map(str, words[:2])))

    def finish(self, *words: str | Path, allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end in peace. Its output; another exit status than allowed is trouble."""
        command = self.start(*words)
        self.judge(command, command.wait(), allowed)
        return command.out.read_text(encoding="utf-8")

    def judge(self, command: Command, status: int, allowed: tuple[int, ...]) -> None:
        if status not in allowed:
            told = command.err.read_text(encoding="utf-8", errors="replace")[-600:]
            self.trouble.append(f"`{command.name}` ended with {status}: {told}")

    def rage(self, kills: int) -> None:
        """At most so many kills, fewer when the campaign is done before."""
        run: Command | None = None
        try:
            while self.kills < kills:
                if run is None:
                    run = self.start("run", self.campaign, "--json")
                victim = self.chance.choices(list(self.kind.victims), list(self.kind.victims.values()))[0]
                run = self.strike(victim, run)
                if run is not None and (status := run.popen.poll()) is not None:
                    self.judge(run, status, (0, 1))
                    break
        finally:
            if run is not None and run.popen.poll() is None:
                self.kill(run, "runner")

    def strike(self, victim: str, run: Command) -> Command | None:
        """Kill one victim. The run when it still goes on."""
        if victim == "runner":
            self.moment(run)
            self.kill(run, "runner")
            return None
        if victim in victims.MARKS:
            self.kill_child(victim, run)
            return run
        if victim == "reap":  # of a living runner it leaves everything alone: kill that first
            self.moment(run)
            self.kill(run, "runner")
            self.kill_command("reap")
            return None
        if victim == "ingest" and self.chance.random() < 0.4:  # with work to do: a store made anew from all records
            self.kill(run, "runner")
            (self.results / "store.duckdb").unlink(missing_ok=True)
            self.kill_command("ingest")
            return None
        self.kill_command(victim)
        return run

    def moment(self, run: Command) -> None:
        """Wait for a random moment: of the clock, also counted from the first event, since a busy machine takes long to
        start; or just after the next event of a random kind."""
        how = self.chance.random()
        if how < 0.2:
            run.wait_at_most(self.chance.uniform(0.0, 4.0))
        elif how < 0.5:
            self.event(run, "run_started")
            run.wait_at_most(self.chance.uniform(0.0, 5.0))
        else:
            self.event(run, self.chance.choice(MOMENTS), seen=len(run.events()))
            time.sleep(self.chance.choice([0.0, 0.02, 0.1, 0.4, 0.8]) * self.chance.random())

    def event(self, run: Command, kind: str, seen: int = 0) -> None:
        """Wait for an event (or phase) of this kind among those after the first `seen`."""
        end = time.monotonic() + 20.0
        while time.monotonic() < end and run.popen.poll() is None:
            if any(kind in (event["event"], event.get("phase")) for event in run.events()[seen:]):
                return
            time.sleep(0.005)

    def kill(self, run: Command, victim: str) -> None:
        """Kill a command that we started."""
        if run.popen.poll() is not None:
            self.judge(run, run.popen.returncode, (0, 1))
            return
        run.popen.kill()
        run.popen.wait()
        self.hits[victim, victims.where(self.results, run.since, run.last())] += 1
        self.after_kill(self)

    def kill_child(self, victim: str, run: Command) -> None:
        end = time.monotonic() + 15.0
        while run.popen.poll() is None and time.monotonic() < end:
            found = victims.children(run.popen.pid, victim)
            if found:
                time.sleep(self.chance.uniform(0.0, 2.5))
                if victims.kill(found[0]):
                    self.hits[victim, run.last()] += 1
                    time.sleep(self.chance.uniform(0.0, 1.0))
                return
            time.sleep(0.02)

    def kill_command(self, victim: str) -> None:
        """Start a command, let it work for a part of the time that it usually takes, kill it."""
        words = {"ingest": ["store", "ingest"], "snapshot": ["store", "snapshot"], "rebuild": ["store", "rebuild"]}
        usual = self.usual.get(victim, 1.5)
        command = self.start(*words.get(victim, [victim]))
        began = time.monotonic()
        share = self.chance.uniform(0.1, 1.0)
        command.wait_at_most(share * usual)
        if (status := command.popen.poll()) is not None:
            self.usual[victim] = 0.5 * (usual + time.monotonic() - began)
            # beside a dying neighbour: no store or snapshot yet, or one that another command holds
            self.judge(command, status, (0, 5))
            return
        command.popen.kill()
        command.popen.wait()
        self.usual[victim] = max(usual, 0.9 * usual + 0.2)
        self.hits[victim, f"{int(share * 4) * 25}-{int(share * 4) * 25 + 25} %"] += 1
        self.after_kill(self)


@dataclass
class Command:
    popen: subprocess.Popen[bytes]
    out: Path
    err: Path
    name: str
    since: float = field(default_factory=time.time)

    def wait(self) -> int:
        return self.popen.wait(LONGEST)

    def wait_at_most(self, seconds: float) -> None:
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def events(self) -> list[dict[str, Any]]:
        """The events so far; a line that is not finished is none."""
        lines = self.out.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def last(self) -> str:
        """The last event as a place in the histogram."""
        seen = [event for event in self.events() if event["event"] != "progress"]
        if not seen:
            return "start-up"
        return str(seen[-1]["phase"] if seen[-1]["event"] == "phase" else seen[-1]["event"])
