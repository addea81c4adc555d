"""What each slot did when: one bar per attempt, its phases in their order, and between two of them tunebook itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from report.charts import Chart, Data, Rows, Words
from report.charts._style import GREY, drawing, width
from report.phrases import count, seconds_text

Row = Mapping[str, Any]

DEPLOY, MEASURE, CLEAN, OURS, GONE = "deploy", "measure", "clean-up", "tunebook itself", "withdrawn"
COLOURS = {DEPLOY: "#0072B2", MEASURE: "#009E73", CLEAN: "#A66F00", OURS: GREY, GONE: "#CC79A7"}
EDGES = ("g", "t0", "t1", "t2", "t3", "t4", "t5")
"""Where the parts of a bar meet, in ms of running time: g is the end of the attempt before it in the slot. One row per
attempt and not per part: a site has a thousand of these charts."""
PARTS = (OURS, OURS, DEPLOY, MEASURE, OURS, CLEAN)
FAILED = "#D55E00"
MARKS = 5000
"""A browser draws as many in a third of a second. An attempt has a mark for each part, and one when it failed."""
_MOST = MARKS // (len(PARTS) + 1)
_CLOCK = "floor(time(datum.value) / 3600000) + utcFormat(datum.value, ':%M:%S')"
"""Of a time since 0: an axis of times has its ticks at whole minutes and hours."""


@dataclass(slots=True)
class Slot:
    """`end` of its last attempt and the `run` of it, in ms; `rows` of the data set."""

    name: str
    end: int = 0
    run: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def spec() -> dict[str, Any]:
    import altair as alt

    base = drawing()
    axis = alt.Axis(labelExpr=_CLOCK, tickCount=6)
    first = alt.X("g:T", title="Running time (h:min:s)", scale=alt.Scale(type="utc", nice=False), axis=axis)

    def part(name: str, begin: str, end: str) -> Any:
        drawn = base.transform_filter(f"datum.{end} > datum.{begin}").mark_bar(size=15)
        x = first if begin == "g" else alt.X(f"{begin}:T")
        return drawn.encode(x=x, x2=end, color=alt.ColorDatum(name, type="nominal"))

    bars = [part(name, *ends) for name, ends in zip(PARTS, pairwise(EDGES), strict=True)]
    # One look for all of them: the part in which a bar ends says where, the tooltip of what.
    failed = (
        base.transform_filter("datum.phase != null")
        .mark_point(filled=True, size=45, opacity=1, shape="triangle-down", color=FAILED, yOffset=-11)
        .encode(x=alt.X("t5:T"))
    )
    made: dict[str, Any] = alt.layer(*bars, part(GONE, "w", "t5"), failed).properties(**width()).to_dict()
    made["height"] = "@bars"
    told = {"trials_text": "trial", "text": "took", "phase": "failed at", "cause": "failed of"}
    made["encoding"] = {  # of all layers
        "y": {"field": "bar", "type": "nominal", "title": None, "sort": None},
        "tooltip": [{"field": name, "type": "nominal", "title": title} for name, title in told.items()],
    }
    # Vega-Lite knows scale and legend of a constant, Altair does not. What was withdrawn is seldom there: the caption
    # names it.
    made["layer"][0]["encoding"]["color"] |= {
        "title": "Time of",
        "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
        "legend": {"values": [name for name in COLOURS if name != GONE]},
    }
    return made


def rows(data: Data) -> Rows:
    slots = _slots(data["timeline"])
    most = max(1, _MOST // max(1, len(slots)))
    return [row for slot in slots for row in _merged(slot.rows, most)]


def _slots(attempts: Sequence[Row]) -> list[Slot]:
    """Attempts in the slots in which they ran: the GPUs that they were given, on CPU the first place of the host that
    was free. What lies between two runs, with nothing running, is taken out of the time."""
    found: dict[tuple[str, tuple[str, ...]], list[Slot]] = {}
    seen: set[int] = set()
    cut, edge, run = 0, None, None
    for one in attempts:
        begin = one["begin_ms"]
        if edge is None or (begin > edge and one["run_id"] != run):
            cut += begin - (edge if edge is not None else 0)
        edge = max(edge or 0, begin + one["total_ms"])
        run = one["run_id"]
        place = one["host"], tuple(one["gpu_uuids"] or ())
        lanes = found.setdefault(place, [])
        slot = next((lane for lane in lanes if lane.end <= begin - cut), None)
        if slot is None:
            slot = Slot(_named(place, len(lanes)))
            lanes.append(slot)
        slot.rows.append(_bar(slot, one, begin - cut, one["number"] not in seen))
        slot.end, slot.run = slot.rows[-1]["t5"], one["run_id"]
        seen.add(one["number"])
    return sorted((slot for lanes in found.values() for slot in lanes), key=lambda slot: slot.name)


def _named(place: tuple[str, tuple[str, ...]], before: int) -> str:
    host, gpus = place
    what = f", {gpus[0][:12]}" if gpus else ""
    more = f" and {len(gpus) - 1} more" if len(gpus) > 1 else ""
    return f"{host}{what}{more}{f', slot {before + 1}' if before else ''}"


def _bar(slot: Slot, one: Row, begin: int, first: bool) -> dict[str, Any]:
    """`trials` and `attempts` count, so that the caption can add them up; `g` is `t0` where the slot had not run before
    in this run. A withdrawn attempt has no parts: it is `w` to `t5`."""
    edges = [begin]
    for part in ("before_ms", "deploy_ms", "measure_ms", "after_ms"):
        edges.append(edges[-1] + one[part])
    end = max(edges[-1], begin + one["total_ms"])
    whole = end - begin
    if one["withdrawn"]:
        edges = [end] * len(edges)
    before = slot.end if slot.rows and slot.run == one["run_id"] else begin
    return {
        "bar": slot.name,
        **dict(zip(EDGES, (edges[0] if one["withdrawn"] else before, *edges, end), strict=True)),
        "w": begin if one["withdrawn"] else end,
        "attempts": 1,
        "trials": int(first),
        "trials_text": f"{one['number']}, {one['role']}",
        "text": seconds_text(whole / 1000),
        "phase": one["phase"],
        "cause": one["cause"],
        "failed": int(one["phase"] is not None),
    }


def _merged(bars: Sequence[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    """At most `most` bars: neighbours become one, with as much of each part as they have together."""
    size = -(-len(bars) // most)
    if size < 2:
        yield from bars
        return
    for start in range(0, len(bars), size):
        group = bars[start : start + size]
        spent = [sum(bar[end] - bar[begin] for bar in group) for begin, end in pairwise(EDGES)]
        edges = [group[0]["g"]]
        for part in spent:
            edges.append(edges[-1] + part)
        gone = sum(bar["t5"] - bar["w"] for bar in group)
        failed = [bar for bar in group if bar["failed"]]
        yield {
            **group[-1],
            **dict(zip(EDGES, edges, strict=True)),
            "w": edges[-1] - gone,
            "attempts": sum(bar["attempts"] for bar in group),
            "trials": sum(bar["trials"] for bar in group),
            "trials_text": f"{group[0]['trials_text']} to {group[-1]['trials_text']}",
            "text": f"{seconds_text((edges[-1] - edges[0]) / 1000)}, {count(len(group), 'attempt')}",
            "phase": failed[0]["phase"] if failed else None,
            "cause": f"{len(failed)} of them" if failed else None,
            "failed": len(failed),
        }


def _spent(rows: Rows) -> dict[str, int]:
    """Milliseconds of each kind of part, all slots together."""
    spent = dict.fromkeys(COLOURS, 0)
    for row in rows:
        for part, (begin, end) in zip(PARTS, pairwise(EDGES), strict=True):
            spent[part] += row[end] - row[begin]
        spent[GONE] += row["t5"] - row["w"]
    return spent


def caption(rows: Rows, words: Words) -> str:
    spent = _spent(rows)
    whole = max(1, sum(spent.values()))
    attempts, trials, failed = (sum(row[key] for row in rows) for key in ("attempts", "trials", "failed"))
    slots = len({row["bar"] for row in rows})
    shares = ", ".join(f"{100 * ms / whole:.1f} % {part}" for part, ms in spent.items() if ms)
    each = spent[OURS] / 1000 / max(1, trials)
    merged = f" Neighbours are drawn as one, {attempts} attempts as {len(rows)} bars." if len(rows) < attempts else ""
    return (
        f"{count(attempts, 'attempt')} of {count(trials, 'trial')} in {count(slots, 'slot')}, {failed} failed "
        f"(triangle above the end). {seconds_text(whole / 1000)}: {shares or 'nothing yet'}. tunebook's own is "
        f"{each:.2f} s per trial: what lies between two attempts of a slot, checks before an engine starts, waiting "
        f"for a lease, judging. Time between runs is left out.{merged}"
    )


def missing(rows: Rows, words: Words) -> str | None:
    return None if rows else "No attempt has ended yet."


CHART: Chart = Chart(
    title="What each slot did",
    queries=("timeline",),
    words=("bars",),
    height=120,
    rows=rows,
    spec=spec,
    caption=caption,
    missing=missing,
)
