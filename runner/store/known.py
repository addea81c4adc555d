"""What a snapshot knows of one lineage: what `plan` needs to say what a run would still do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.domain.campaign import Campaign
from runner.errors import StoreDamaged
from runner.store.reader import open_published

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class KnownTrial:
    """A trial of the latest series. `status` is succeeded, failed, unmeasured, or withdrawn when nothing is left of
    it. `score` is under the rules in force when the snapshot was made."""

    number: int
    fingerprint: str
    entry: str
    is_default: bool
    status: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """Median wall time (s) of `attempts` measured attempts; `of` says whose."""

    seconds: float
    attempts: int
    of: str


@dataclass(frozen=True, slots=True)
class Known:
    """`series` is the latest one of the lineage, None when it never ran; everything but `pace` and `earlier` speaks of
    it. `end_reason` is how its last run ended (None: it still runs or was killed) with `run_trials` of `run_planned`
    trials, and `message` what it said of that. `confirmed` holds (fingerprint, repeat, client) of the confirm attempts.
    `earlier` counts trials of other lineages under the campaign's name."""

    series: int | None = None
    version_sha256: str | None = None
    rules_id: str | None = None
    end_reason: str | None = None
    run_trials: int | None = None
    run_planned: int | None = None
    message: str = ""
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    trials: tuple[KnownTrial, ...] = ()
    confirmed: frozenset[tuple[str, int, str]] = frozenset()
    pace: Pace | None = None
    earlier: int = 0


def known(path: Path, campaign: Campaign) -> Known:
    """Read it from the snapshot at `path`. Raises StoreError, StoreNewer, StoreDamaged."""
    import duckdb

    connection = open_published(path)
    try:
        return _known(connection, campaign)
    except duckdb.Error as error:
        raise StoreDamaged(
            f"{path.name} has other columns than this tunebook reads: {str(error).splitlines()[0][:200]}",
            hint="build the site again with this tunebook, or run `tunebook store snapshot`",
        ) from error
    finally:
        connection.close()


def _known(connection: DuckDBPyConnection, campaign: Campaign) -> Known:
    key = campaign.search_key
    pace = _pace(connection, campaign)
    earlier = "SELECT count(*) FROM trials WHERE campaign = ? AND search_key <> ?"
    ((others,),) = _rows(connection, earlier, campaign.name, key)
    last = _rows(connection, _LAST_RUN, key)
    if not last:
        return Known(pace=pace, earlier=others)
    series, version, reason, run_trials, planned, message = last[0]
    ((seconds,),) = _rows(connection, _SECONDS, key, series)
    ((gpu_seconds,),) = _rows(connection, _GPU_SECONDS, key, series, key, series)
    rules = _rows(connection, "SELECT rules_id FROM rules WHERE search_key = ? AND latest", key)
    confirmed = _rows(connection, _CONFIRMED, key, series)
    return Known(
        series=series,
        version_sha256=version,
        rules_id=rules[0][0] if rules else None,
        end_reason=reason,
        run_trials=run_trials,
        run_planned=planned,
        message=message or "",
        seconds=float(seconds),
        gpu_seconds=float(gpu_seconds),
        trials=tuple(KnownTrial(*row) for row in _rows(connection, _TRIALS, key, series, key, series)),
        confirmed=frozenset((str(a), int(b), str(c)) for a, b, c in confirmed),
        pace=pace,
        earlier=others,
    )


_LAST_RUN = """
    SELECT r.series, c.version_sha256, r.end_reason, r.trials, r.trials_planned, r.message
    FROM runs r JOIN campaigns c USING (campaign_id)
    WHERE r.search_key = ? ORDER BY r.series DESC, r.started_utc DESC, r.run_id DESC LIMIT 1"""

# A killed run left no end: it counts what its attempts took.
_SECONDS = """
    SELECT coalesce(sum(coalesce(r.seconds, a.seconds, 0)), 0)
    FROM runs r LEFT JOIN (SELECT run_id, sum(seconds) AS seconds FROM attempts GROUP BY run_id) a USING (run_id)
    WHERE r.search_key = ? AND r.series = ?"""

_GPU_SECONDS = """
    SELECT (SELECT coalesce(sum(gpu_seconds), 0) FROM attempts WHERE search_key = ? AND series = ?)
         + (SELECT coalesce(sum(gpu_seconds), 0) FROM retractions WHERE search_key = ? AND series = ?)"""

# A trial of which every attempt was withdrawn is in no other view: the next run measures it again.
_TRIALS = """
    SELECT number, fingerprint, entry, is_default, status, score FROM trials WHERE search_key = ? AND series = ?
    UNION ALL
    SELECT DISTINCT r.number, r.fingerprint, r.entry, r.params_json = '{}', 'withdrawn', NULL::DOUBLE
    FROM retractions r ANTI JOIN trials t USING (trial_id)
    WHERE r.search_key = ? AND r.series = ? AND r.role IN ('search', 'baseline')
    ORDER BY 1, 2"""

_CONFIRMED = """
    SELECT DISTINCT t.fingerprint, a.repeat, a.client FROM attempts a JOIN trials t USING (trial_id)
    WHERE a.search_key = ? AND a.series = ? AND a.role = 'confirm' AND a.outcome IN ('measured', 'failed')"""

_PACE = "SELECT median(seconds), count(*) FROM attempts WHERE outcome = 'measured' AND search_key IN ({})"


def _pace(connection: DuckDBPyConnection, campaign: Campaign) -> Pace | None:
    """The nearest that there is: this lineage, its model on its hardware, its hardware."""
    model, hardware = campaign.model.label, campaign.hardware.label
    of = "SELECT search_key FROM campaigns WHERE"
    for whose, keys, values in (
        ("of this campaign", "?", [campaign.search_key]),
        (f"of other campaigns of {model} on {hardware}", f"{of} model = ? AND hardware = ?", [model, hardware]),
        (f"of other campaigns on {hardware}", f"{of} hardware = ?", [hardware]),
    ):
        ((seconds, count),) = _rows(connection, _PACE.format(keys), *values)
        if count:
            return Pace(float(seconds), int(count), whose)
    return None


def _rows(connection: DuckDBPyConnection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, list(values)).fetchall()
