"""A plan as the comment of a pull request. A campaign's author writes much of it: every text passes `markdown.code`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.cli import _plan_presets, _plan_prior
from runner.cli._plan_text import passing, refusals, sums
from runner.domain.prior import Prior
from runner.errors import Problem
from runner.plan import Plan
from runner.prospect import Prospect
from runner.store.known import Known
from runner.util.markdown import code, cut, folded, table
from runner.util.redact import redact

MARK = "<!-- tunebook plan -->"
"""The first line: a workflow finds its own comment by it and replaces it."""
LONGEST = 60_000
"""Characters; forges take 65,536."""
ROWS = 40
"""Of each table: a reviewer reads no more."""
_CUT = "*Cut here: the comment would be too long. `tunebook plan --json` shows all.*"


def comment(sections: Sequence[Sequence[str]]) -> str:
    """The whole comment, of the lines of each file."""
    lines = [MARK, "## tunebook plan", ""]
    for section in sections:
        lines += [*section, ""]
    return cut(lines, LONGEST, _CUT)


def of_plan(
    plan: Plan,
    path: Path,
    absent: Problem | None,
    known: Known | None,
    left: Prospect | None,
    store: str,
    taken: Prior | None = None,
) -> list[str]:
    """The lines of one good file. `taken`: its warm starts and history, as the machine that plans knows them."""
    lines = [f"### {_text(plan.campaign.name)}", ""]
    told = [*sums(plan, known, left, store), *_plan_prior.lines(taken)]
    lines += table(("", ""), [("file", _text(path)), *((name, _text(text)) for name, text in told)])
    lines.append("")
    lines += _shown("preset", ("entry", "preset", "file", "what it is for"), _plan_presets.presets(plan.campaign))
    head = ("entry", "setting", "counts", "why")
    lines += _shown("setting", head, _plan_presets.conflicts(plan.campaign), " given more than once")
    lines += _folded("configuration", ("", "entry", "parameters"), [(a[:8], b, c) for a, b, c in passing(plan)])
    refused = [(a[:8], b, c, d, e) for a, b, c, d, e in refusals(plan)]
    lines += _folded("configuration", ("", "entry", "parameters", "rule", "reason"), refused, " refused")
    lines += ["Not checked without the hardware:", ""]
    lines += [f"* {text}" for text in _unchecked(plan, absent)]
    return lines


def of_problems(path: Path, problems: Sequence[Problem]) -> list[str]:
    """The lines of one broken file."""
    count = f"{len(problems)} problem{'s'[: len(problems) > 1]}"
    rows = [(_text(p.where or path), code(p.slug), _text(p.what), _text(p.hint or "")) for p in problems]
    return [f"### {_text(path)}: {count}", "", *table(("where", "error", "what", "what to do"), rows[:ROWS]), ""]


def _unchecked(plan: Plan, absent: Problem | None) -> Iterator[str]:
    yield from (_text(text) for text in plan.unchecked)
    if absent is not None:
        yield f"{_text(absent.what)} on the machine that made this plan"


def _shown(noun: str, head: Sequence[str], rows: Sequence[Sequence[str]], what: str = "") -> list[str]:
    """A table that nobody has to open: a reviewer must see what a preset changes."""
    if not rows:
        return []
    lines = [f"{len(rows):,} {noun}{'s'[: len(rows) > 1]}{what}:", ""]
    return [*lines, *_table(head, rows), ""]


def _folded(noun: str, head: Sequence[str], rows: Sequence[Sequence[str]], what: str = "") -> list[str]:
    if not rows:
        return []
    return folded(f"{len(rows):,} {noun}{'s'[: len(rows) > 1]}{what}", _table(head, rows))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = table(head, [[_text(cell) for cell in row] for row in rows[:ROWS]])
    return [*lines, "", f"The first {ROWS} of {len(rows):,}."] if len(rows) > ROWS else lines


def _text(value: object) -> str:
    return code(redact(str(value)))
