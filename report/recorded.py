"""`results/data/reproduce.json`: what `tunebook reproduce` needs to measure a trial of the site again elsewhere.

Of each campaign the resolved file (model with its hash, workload, levels, seed) and of each succeeded trial its flags,
the numbers to expect and what they were measured with. It is told as everything that leaves: without paths and hosts.
"""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from report.publish import Publisher
from runner import __version__
from runner.domain.campaign import Goal
from runner.domain.recorded import FORMAT, Baseline, Recorded, Site
from runner.domain.trial import Configuration
from runner.util.codec import to_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = "reproduce.json"
FACTS = (
    "client", "client_version", "workload_key", "gpu", "cpu_model", "cpu_count", "engine", "engine_version",
    "image_digest", "driver", "kernel", "os",
)  # fmt: skip
"""As runner.circumstances has them."""
Row = dict[str, Any]


def recorded_json(connection: DuckDBPyConnection, publisher: Publisher) -> str:
    """After `gather.prepare`. The same snapshot gives the same bytes."""
    result = connection.execute(files("report.queries").joinpath("_recorded.sql").read_text(encoding="utf-8"))
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    campaigns = [_campaign(list(mine), publisher) for _, mine in groupby(rows, lambda row: row["campaign"])]
    return to_json(Site(FORMAT, __version__, tuple(campaigns)))


def _campaign(rows: list[Row], publisher: Publisher) -> Baseline:
    first = rows[0]
    return Baseline(
        format=FORMAT,
        tunebook=__version__,
        name=publisher.text(first["campaign"]),
        search_key=first["search_key"],
        series=first["series"],
        metric=first["objective"],
        at=first["objective_at"],
        goal=Goal(first["goal"]),
        unit=first["unit"],
        campaign=_plain(first["resolved"], publisher),
        trials=tuple(_trial(list(mine), publisher) for _, mine in groupby(rows, lambda row: row["number"])),
    )


def _trial(rows: list[Row], publisher: Publisher) -> Recorded:
    repeats = [row for row in rows if row["role"] == "confirm"]
    chosen = repeats or rows
    first, last = chosen[0], chosen[-1]
    configuration = Configuration(
        entry=first["entry"],
        runtime=first["runtime"],
        values=_plain(first["params_json"], publisher),
        flags=_plain(first["flags_json"], publisher),
        env=_plain(first["env_json"], publisher),
        fingerprint=first["fingerprint"],
    )
    return Recorded(
        number=first["number"],
        trial_id=first["trial_id"],
        is_best=first["is_best"],
        is_default=first["is_default"],
        configuration=configuration,
        launch=publisher.text(last["launch"] or ""),
        values=tuple(row["objective_value"] for row in chosen),
        basis="confirmed" if repeats else "search",
        client=last["client"],
        facts={name: _fact(name, last[name], publisher) for name in FACTS},
        measured_utc=last["measured_utc"],
    )


def _fact(name: str, value: str | None, publisher: Publisher) -> str | None:
    if value is None:
        return None
    return publisher.text(", ".join(sorted(value.split(", "))) if name in ("gpu", "driver") else value)


def _plain(text: str, publisher: Publisher) -> Any:
    """JSON as it may leave; with `--private` only secrets are hidden."""
    return json.loads(publisher.text(text)) if publisher.private else publisher.aliases.plain(json.loads(text))
