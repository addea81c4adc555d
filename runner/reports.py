"""What was measured, as the files of another tool: llm-d Benchmark Reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from runner.campaign.load import from_resolved
from runner.domain.failure import Outcome
from runner.domain.records import RecordKind
from runner.errors import NotReady, StoreError, UnknownId
from runner.render.llm_d import report
from runner.store.history import facts
from runner.util.files import atomic_write, disk_errors
from runner.util.redact import redacted


def write_reports(results: Path, target: Path, names: Sequence[str]) -> int:
    """A file for each level that was answered, `<campaign>-<number>-<role>-<attempt>-<level>.yaml`, of all campaigns or
    of those named. Returns how many; one that is there is written again with the same content.

    Raises UnknownId, NotReady when `target` holds other files, StoreError when nothing was measured, StoreDamaged,
    NoSpace, Unwritable.
    """
    starts = {start.run_id: start for start in facts(results, RecordKind.RUN_START)}
    known = sorted({start.name for start in starts.values()})
    if unknown := sorted(set(names) - set(known)):
        raise UnknownId(f"no campaign is called {unknown[0]!r}", hint=f"there are: {', '.join(known) or 'none'}")
    if target.is_dir() and any(path.suffix != ".yaml" for path in target.iterdir()):
        raise NotReady(f"{target} holds other files", hint="name a folder of its own")
    withdrawn = {fact.attempt_id for fact in facts(results, RecordKind.RETRACTION)}
    models: dict[str, str] = {}
    count = 0
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        for attempt in facts(results, RecordKind.ATTEMPT):
            start = starts.get(attempt.run_id)
            if start is None or attempt.outcome is not Outcome.MEASURED or attempt.attempt_id in withdrawn:
                continue
            if names and start.name not in names:
                continue
            if start.run_id not in models:
                models[start.run_id] = from_resolved(start.campaign).model.label
            for level in attempt.levels:
                if not level.ok or level.metric("e2e", "mean") is None:
                    continue
                made = report(attempt, level, start.name, models[start.run_id])
                name = f"{start.name}-{attempt.number}-{attempt.role}-{attempt.attempt_id}-{level.position}.yaml"
                atomic_write(target / name, yaml.safe_dump(redacted(made), sort_keys=False, allow_unicode=True))
                count += 1
    if not count:
        raise StoreError("nothing was measured that a report could say", hint="`tunebook sql` shows what there is")
    return count
