"""Campaigns by the thousand, believable and always the same: failures of six kinds, three levels, repeats, verdicts.

The rows go straight into the tables of a store (many.sql), since records would have to be sealed and judged one by one.
So `store verify` would miss the records: these stores are for whoever reads a snapshot.
"""

from __future__ import annotations

from pathlib import Path

from runner.store._live import open_live, store_lock
from runner.store.snapshot import snapshot
from tests.make.store import write_store

SQL = Path(__file__).with_suffix(".sql")
SEED = 11
MODEL_OF = "smollm-cpu"
"""Name of the campaign that `write_store` makes: what nobody looks at is taken from its rows."""


def write_many(results: Path, campaigns: int, trials: int, *, first: int = 0) -> None:
    """Add `campaigns` of `trials` each to the store in `results`, numbered from `first`, and publish the snapshot. A
    new store has the campaign of `write_store` besides."""
    if not (results / "store.duckdb").exists():
        write_store(results)
    variables = {"seed": SEED, "first": first, "campaigns": campaigns, "trials": trials, "model_of": MODEL_OF}
    with store_lock(results), open_live(results) as connection:
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = {value!r}")
        connection.begin()
        connection.execute(SQL.read_text(encoding="utf-8"))
        connection.commit()
    snapshot(results)
