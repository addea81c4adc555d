"""`results/data/reproduce.json`: what `tunebook reproduce` needs to measure a trial of the site again elsewhere.

Of each campaign the resolved file (model with its hash, workload, levels, seed) and of each succeeded trial its flags,
the numbers to expect and what they were measured with. It is told as everything that leaves: without paths and hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from report.publish import Publisher
from runner import __version__
from runner.domain.campaign import Goal
from runner.domain.recorded import FORMAT, Baseline, Recorded, Site
from runner.domain.trial import Configuration
from runner.util.codec import to_line

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
    resolved = dict(connection.execute(resolved_sql()).fetchall())
    result = connection.execute(recorded_sql())
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    by_name = groupby(rows, lambda row: row["campaign"])
    campaigns = (campaign_json(list(mine), resolved[name], publisher) for name, mine in by_name)
    return "".join(site_parts(campaigns))


def recorded_sql() -> str:
    """Whose rows `campaign_json` takes, those of one campaign together."""
    return files("report.queries").joinpath("_recorded.sql").read_text(encoding="utf-8")


def resolved_sql() -> str:
    """The resolved file of each campaign, which would be too wide to stand in each of those rows."""
    return files("report.queries").joinpath("_resolved.sql").read_text(encoding="utf-8")


def campaign_json(rows: list[Row], resolved: str, publisher: Publisher) -> str:
    """One campaign, of its rows, at least one, and its resolved file."""
    return to_line(_campaign(rows, resolved, publisher)).decode().rstrip("\n")


def site_parts(campaigns: Iterable[str]) -> Iterator[str]:
    """The file, of what `campaign_json` gave for each, as pieces to write one after the other. One line: a site may
    have fifty thousand trials."""
    head = to_line(Site(FORMAT, __version__, ())).decode().rstrip("\n")
    yield head.removesuffix("]}")
    for number, campaign in enumerate(campaigns):
        yield f",{campaign}" if number else campaign
    yield "]}\n"


def _campaign(rows: list[Row], resolved: str, publisher: Publisher) -> Baseline:
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
        campaign=publisher.plain(resolved),
        trials=tuple(_trial(list(mine), publisher) for _, mine in groupby(rows, lambda row: row["number"])),
    )


def _trial(rows: list[Row], publisher: Publisher) -> Recorded:
    repeats = [row for row in rows if row["role"] == "confirm"]
    chosen = repeats or rows
    first, last = chosen[0], chosen[-1]
    configuration = Configuration(
        entry=first["entry"],
        runtime=first["runtime"],
        values=publisher.plain(first["params_json"]),
        flags=publisher.plain(first["flags_json"]),
        env=publisher.plain(first["env_json"]),
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
