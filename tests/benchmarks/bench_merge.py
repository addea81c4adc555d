"""What `tunebook store merge` costs: seconds for 5,000 trials in a store file, and for record folders; then again.

    python -m tests.benchmarks.bench_merge --trials 5000 --folders 500

The file is the snapshot of a store of synthetic campaigns (tests/make/many.py) whose rows are said to come from
records; it is merged into an empty results folder, again, and into one that has as many trials of other campaigns. The
folders are sealed by `tunebook fixtures store`. Seconds of the clock, with the CPU seconds of all threads beside them.
It prints, and judges nothing.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from runner.fixtures.store import write_store
from runner.merge import merge
from runner.store._live import open_live, store_lock
from runner.store.reader import snapshot_path
from runner.store.snapshot import snapshot
from tests.make.many import write_many

OF_A_CAMPAIGN = 50
SEALED = {
    "run_start": "run_id FROM store.run",
    "run_end": "record_id FROM store.run_end",
    "attempt": "attempt_id FROM store.attempt",
    "rejection": "rejection_id FROM store.rejection",
    "comparison": "comparison_id FROM store.comparison",
    "rules": "record_id FROM store.rules",
}


def a_store(results: Path, trials: int, first: int) -> Path:
    """The snapshot of a store with at least so many trials; campaigns are numbered from `first`."""
    write_many(results, max(1, trials // OF_A_CAMPAIGN), OF_A_CAMPAIGN, first=first)
    with store_lock(results), open_live(results) as connection:
        for kind, what in SEALED.items():
            connection.execute(
                "INSERT INTO store.record BY NAME FROM (SELECT ? AS kind, id AS record_id, sha256(id) AS sha256, "
                f"concat('records/', ?, '-', id) AS path, now()::TIMESTAMP AS ingested_utc FROM (SELECT {what}) t(id)) "
                "ANTI JOIN store.record USING (kind, record_id)",
                [kind, kind],
            )
    snapshot(results)
    return snapshot_path(results)


def timed(what: str, results: Path, source: Path) -> str:
    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    began, before = time.perf_counter(), cpu()
    [done] = merge(results, [str(source)]).sources
    spent, worked = time.perf_counter() - began, cpu() - before
    assert not done.refused
    attempts = done.new.get("attempt", 0)
    return f"{what:48}{spent:8.2f} s{worked:8.2f} CPU s{done.records:8} new records{attempts:8} attempts"


def bench(folder: Path, trials: int, folders: int) -> list[str]:
    file = a_store(folder / "a", trials, 0)
    other = a_store(folder / "b", trials, 10_000)
    lines = [f"a store of {trials} trials: {file.stat().st_size / 1e6:.1f} MB"]
    lines.append(timed("its snapshot, into an empty results folder", folder / "results", file))
    lines.append(timed("  again", folder / "results", file))
    lines.append(timed("another one, beside it", folder / "results", other))
    lines.append(timed("  again", folder / "results", other))
    write_store(folder / "c", 1, folders, 7, lambda line: None)
    size = sum(path.stat().st_size for path in (folder / "c" / "records").rglob("*") if path.is_file())
    lines.append(f"records of {folders} trials: {size / 1e6:.1f} MB")
    lines.append(timed("the folders, into an empty results folder", folder / "other", folder / "c"))
    lines.append(timed("  again", folder / "other", folder / "c"))
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=5000, help="in the store file")
    options.add_argument("--folders", type=int, default=500, help="trials whose records are merged as folders")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-merge-") as folder:
        for line in bench(Path(folder), asked.trials, asked.folders):
            print(line)


if __name__ == "__main__":
    main()
