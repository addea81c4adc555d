"""What another tool measured, as its result file says it: imported, kept apart, and never ranked with ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ForeignMetric:
    """One published number. `metric` and `unit` are ours where the quantity is the same, `stat` is mean, stddev, min,
    max, p<n> or value. `published_as` and `published_unit` say where it stands in the file and in which unit: nothing
    but the unit was changed."""

    metric: str
    stat: str
    unit: str
    value: float
    published_as: str
    published_unit: str


@dataclass(frozen=True, slots=True)
class ForeignLevel:
    """One load. `load_kind` is concurrency (requests in flight) or rate (requests/s); None where the file does not say
    it. `ok`, `failed`, `lost`: requests, None where it does not say. `seconds`: its measured window."""

    load_kind: str | None
    load_value: float | None
    ok: int | None
    failed: int | None
    lost: int | None
    seconds: float | None
    metrics: tuple[ForeignMetric, ...]


@dataclass(frozen=True, slots=True)
class ForeignFact:
    """A result file, sealed beside this fact as `source`. `format` is the member of `runner.imports` that read it;
    `said` how the file was named; `sha256` and `bytes` are of its content. `unread` names what stands in the file and
    was not taken, `missing` what the format has and the file has not."""

    foreign_id: str
    format: str
    tool: str
    tool_version: str | None
    model: str | None
    started_utc: str | None
    said: str
    sha256: str
    bytes: int
    host: str
    imported_utc: str
    tunebook_version: str
    levels: tuple[ForeignLevel, ...]
    unread: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
