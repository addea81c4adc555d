"""From a log and an exit to a cause: an ordered table of patterns, then what the exit itself says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.domain.failure import Cause, Phase
from runner.domain.trial import Diagnosis, Exit

CAUSES = tuple(one.value for one in Cause if one not in (Cause.INTERRUPTED, Cause.SLO))
"""What a log can prove. A stop is asked for by us, and an objective is missed by our count: no line says either."""

CRASHES = frozenset({"SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS"})


@dataclass(frozen=True, slots=True)
class Signature:
    """A line that matches `pattern` proves `cause`. Earlier ones in a table go before later ones, wherever their
    lines stand in the log: the last line of an engine is rarely the telling one. With `after`, only behind a line that
    matches that: the same words of want of memory mean one thing while a model loads and another while it serves.
    `fatal` as in Diagnosis."""

    rule: str
    pattern: re.Pattern[str]
    cause: Cause
    phase: Phase | None = None
    after: re.Pattern[str] | None = None
    fatal: bool = False

    def proof(self, lines: Iterable[str]) -> str | None:
        """The first line that proves it."""
        open_ = self.after is None
        for line in lines:
            open_ = open_ or (self.after is not None and self.after.search(line) is not None)
            if open_ and self.pattern.search(line):
                return line
        return None


@dataclass(frozen=True, slots=True)
class Table:
    """`ignore` are lines that say nothing though they sound so. `served` marks the line after which the engine
    served: memory that ran out later is `oom_serve`."""

    signatures: tuple[Signature, ...]
    ignore: tuple[re.Pattern[str], ...] = ()
    served: re.Pattern[str] | None = None


def load(path: Path, first: Path | None = None) -> Table:
    """Read a `signatures.toml`: `served`, `ignore`, and `[[signature]]` with rule, pattern, cause, phase, after. The
    signatures of `first` go before its own."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    before = tomllib.loads(first.read_text(encoding="utf-8"))["signature"] if first is not None else []
    return Table(
        tuple(signature(row) for row in [*before, *data["signature"]]),
        tuple(re.compile(pattern) for pattern in data.get("ignore", ())),
        re.compile(data["served"]) if "served" in data else None,
    )


def signature(row: Mapping[str, Any]) -> Signature:
    """One row. Raises TypeError (no mapping), KeyError (no pattern, no cause), ValueError (re.error, unknown phase,
    a cause that is unknown or that no log can prove)."""
    if not isinstance(row, Mapping):
        raise TypeError(f"{row!r} is no mapping")
    if row["cause"] not in CAUSES:
        raise ValueError(f"{row['cause']!r} is no cause of a log line (known: {', '.join(CAUSES)})")
    return Signature(
        rule=str(row.get("rule", row["pattern"])),
        pattern=re.compile(str(row["pattern"])),
        cause=Cause(row["cause"]),
        phase=Phase(row["phase"]) if row.get("phase") else None,
        after=re.compile(str(row["after"])) if row.get("after") else None,
        fatal=row.get("fatal") is True,
    )


def diagnose(log: str, exit: Exit | None, table: Table) -> Diagnosis | None:
    """The first signature of the table that a line matches, else what the exit says, else None."""
    lines = [line.strip() for line in log.splitlines()]
    telling = [line for line in lines if line and not any(p.search(line) for p in table.ignore)]
    for one in table.signatures:
        line = one.proof(telling)
        if line is not None:
            return Diagnosis(one.phase, one.cause.value, line[:500], one.rule, one.fatal)
    served = table.served is not None and any(table.served.search(line) for line in lines)
    return _from_exit(exit, telling, served)


def _from_exit(exit: Exit | None, lines: Sequence[str], served: bool) -> Diagnosis | None:
    if exit is None:
        return None
    last = _last_words(lines)
    if exit.oom_killed:
        cause = Cause.OOM_SERVE if served else Cause.OOM_LOAD
        return Diagnosis(None, cause.value, f"ended by the kernel for memory; last line: {last}"[:500], "exit-oom")
    if exit.signal in CRASHES:
        return Diagnosis(None, Cause.CRASH.value, f"{exit.signal}: {last}"[:500], "exit-signal")
    if exit.signal == "SIGKILL":
        return Diagnosis(None, Cause.CRASH.value, f"SIGKILL, not from us; last line: {last}"[:500], "exit-killed")
    return None


_TELLING = re.compile(r"(?i)\bassert|\bfatal|\berror\b|\bfailed\b|\babort")


def _last_words(lines: Iterable[str]) -> str:
    """The last line that sounds like a reason, else the last line."""
    all_lines = list(lines)
    for line in reversed(all_lines[-40:]):
        if _TELLING.search(line) and not line.startswith("Fatal Python error"):
            return line
    return all_lines[-1] if all_lines else "no output"
