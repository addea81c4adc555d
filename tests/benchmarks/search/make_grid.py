"""Turn the records of the campaign `llama-grid` into `llama-grid.json`, which `replay` reads.

    python -m tests.benchmarks.search.make_grid results [campaign.yaml]

Only sealed attempts of the search are read; an attempt that says nothing about its configuration (a host's fault) is
left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.search.replay import GRID

KEPT = (
    ("output_throughput", None), ("total_throughput", None), ("request_throughput", None), ("ttft", "p50"),
    ("ttft", "p99"), ("tpot", "p50"),
)  # fmt: skip


def main() -> None:
    rows = sorted(_rows(Path(sys.argv[1])), key=lambda row: row["number"])
    for row in rows:
        del row["number"]
    facts = rows[0].pop("facts")
    for row in rows[1:]:
        row.pop("facts")
    content = {"facts": facts, "space": _space(rows), "rows": rows}
    head = json.dumps({k: content[k] for k in ("facts", "space")}, sort_keys=True)[:-1]
    lines = ",\n".join(json.dumps(row, sort_keys=True) for row in rows)
    GRID.write_text(f'{head}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    failed = sum(row["outcome"] != "measured" for row in rows)
    print(
        f"{len(rows)} configurations, {failed} failed, {sum(row['seconds'] for row in rows) / 3600:.1f} h: {GRID.name}"
    )


def _rows(results: Path) -> Iterator[dict[str, Any]]:
    for path in (results / "records").glob("attempt-*/attempt.json"):
        attempt = json.loads(path.read_text("utf-8"))
        if attempt["role"] not in ("search", "baseline") or attempt["outcome"] not in ("measured", "failed"):
            continue
        failure = attempt["failure"] or {}
        yield {
            "number": attempt["number"],
            "values": attempt["configuration"]["values"],
            "outcome": attempt["outcome"],
            "phase": failure.get("phase", "done"),
            "cause": failure.get("cause"),
            "hung": failure.get("hung", False),
            "evidence": failure.get("rule") or failure.get("cause") or "",
            "seconds": round(attempt["seconds"], 2),
            "levels": [_level(level) for level in attempt["levels"]],
            "facts": {
                "engine": f"{attempt['engine']['name']} {attempt['engine']['version']}" if attempt["engine"] else "",
                "cpu": attempt["host"]["cpu_model"],
                "cores": attempt["host"]["cpu_count"],
                "date": attempt["started_utc"][:10],
                "client": f"{attempt['client']} {attempt['client_version']}",
                "loads": [level["load_value"] for level in attempt["levels"]],
            },
        }


def _level(level: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"state": level["state"]}
    for metric, stat in KEPT:
        for one in level["metrics"]:
            if one["metric"] == metric and (stat is None or one["stat"] == stat):
                kept[metric if stat is None else f"{metric}_{stat}"] = float(f"{one['value']:.5g}")
                break
    return kept


def _space(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Each flag with the values that it was measured with, numbers ascending, "on" before "off"."""
    found: dict[str, set[Any]] = {}
    for row in rows:
        for name, value in row["values"].items():
            found.setdefault(name, set()).add(value)
    return {name: sorted(values, key=lambda v: (isinstance(v, str), v)) for name, values in sorted(found.items())}


if __name__ == "__main__":
    main()
