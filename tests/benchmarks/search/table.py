"""What a benchmark of searches says: a row for each variant on each landscape, paired tests, and the goals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from tests.benchmarks.search.paired import signed_rank

OURS = "tpe"
RIVALS = ("gp", "tpe-gp")
COLUMNS = (
    "regret @10", "@20", "@40", "p against tpe", "failed", "hung", "first success", "ever", "hours", "of it failed",
    "asks, CPU",
)  # fmt: skip

Line = dict[str, Any]


def groups(lines: Iterable[Line]) -> dict[str, dict[str, list[Line]]]:
    """Landscape -> variant -> its searches, by seed."""
    found: dict[str, dict[str, list[Line]]] = {}
    for line in sorted(lines, key=lambda line: int(line["seed"])):
        found.setdefault(line["landscape"], {}).setdefault(line["variant"], []).append(line)
    return found


def regret_at(line: Line, count: int) -> float:
    return float({int(key): value for key, value in line["regret"].items()}.get(count, 1.0))


def last(lines: Sequence[Line]) -> int:
    return max(int(key) for key in lines[0]["regret"])


def row(lines: Sequence[Line], ours: Sequence[Line]) -> list[str]:
    """The cells of COLUMNS: medians over the searches, shares over all their deployments."""
    deployed, hours = sum(line["deployed"] for line in lines), median(line["seconds"] for line in lines) / 3600
    firsts = [line["first_success"] for line in lines]
    succeeded = [first for first in firsts if first is not None]
    mine = {line["seed"]: line for line in ours}
    both = [(line, mine[line["seed"]]) for line in lines if line["seed"] in mine]
    end = last(lines)
    p = signed_rank([round(regret_at(a, end) - regret_at(b, end), 9) for a, b in both])
    lost = sum(line["failed_seconds"] for line in lines) / max(1e-9, sum(line["seconds"] for line in lines))
    return [
        *(f"{100 * median(regret_at(line, n) for line in lines):.1f} %" for n in (10, 20, 40)),
        "" if lines is ours else f"{p:.2g}",
        f"{100 * sum(line['failed'] for line in lines) / max(1, deployed):.0f} %",
        f"{100 * sum(line['hung'] for line in lines) / max(1, deployed):.0f} %",
        f"{median(succeeded):g}" if succeeded else "never",
        f"{len(succeeded)} of {len(lines)}",
        f"{hours:.1f}",
        f"{100 * lost:.0f} %",
        f"{median(line['ask_cpu'] for line in lines):.2f} s",
    ]


def rows(variants: dict[str, list[Line]]) -> list[list[str]]:
    ours = variants.get(OURS, [])
    return [[name, *row(lines, ours)] for name, lines in variants.items()]


def text(lines: Sequence[Line]) -> str:
    said = []
    for name, variants in groups(lines).items():
        listed = [[name, *COLUMNS], *rows(variants)]
        widths = [max(len(line[i]) for line in listed) for i in range(len(listed[0]))]
        for line in listed:
            cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
            said.append("  ".join([line[0].ljust(widths[0]), *cells[1:]]))
        said.append("")
    return "\n".join([*said, *goals(lines), *rivals(lines)])


def goals(lines: Sequence[Line]) -> list[str]:
    """The goals of the search, met or missed, by these searches."""
    found = groups(lines)
    said = []
    easy = found.get("easy", {}).get(OURS)
    if easy:
        value = median(regret_at(line, last(easy)) for line in easy)
        said.append(
            _goal("median regret@40 on the easy landscape", f"{100 * value:.1f} %", "at most 3 %", value <= 0.03)
        )
    for name, variants in found.items():
        if OURS in variants and "fail" in variants and name != "all failing":
            ours, fail = _failed(variants[OURS]), _failed(variants["fail"])
            if fail >= 0.1:
                told = f"{100 * ours:.0f} % against {100 * fail:.0f} %"
                said.append(_goal(f"failed share on {name}", told, "at most half of FAIL's", ours <= fail / 2))
    for name, variants in found.items():
        for variant in (f"{OURS} + history", f"{OURS} + precheck + history"):
            if variant in variants:
                value = median(regret_at(line, 10) for line in variants[variant])
                said.append(
                    _goal(f"{variant}: regret@10 on {name}", f"{100 * value:.1f} %", "at most 10 %", value <= 0.1)
                )
    cpu = [line["ask_cpu"] for variants in found.values() for line in variants.get(OURS, [])]
    if cpu:
        said.append(_goal("CPU of 40 asks, the slowest search", f"{max(cpu):.2f} s", "below 5 s", max(cpu) < 5))
    return said


def rivals(lines: Sequence[Line]) -> list[str]:
    """Whether another sampler than ours is better over all landscapes on which something can be found, in a sentence
    each: the decision which one is offered."""
    found = [variants for variants in groups(lines).values() if OURS in variants]
    said = []
    for name in RIVALS:
        pairs: list[float] = []
        for variants in found:
            mine = {line["seed"]: line for line in variants[OURS]}
            for line in variants.get(name, []):
                ours = mine.get(line["seed"])
                if ours is not None and (line["first_success"] or ours["first_success"]):
                    pairs.append(round(regret_at(line, last([line])) - regret_at(ours, last([ours])), 9))
        if pairs:
            p = signed_rank(pairs)
            better, worse = sum(one < 0 for one in pairs), sum(one > 0 for one in pairs)
            proven = "proven better" if p < 0.05 and better > worse else "not proven better"
            said.append(
                f"{name} is {proven} than {OURS} over all landscapes: nearer to the optimum in {better}, farther in "
                f"{worse} of {len(pairs)} pairs of searches (p = {p:.2g})"
            )
    return said


def _goal(what: str, found: str, wanted: str, met: bool) -> str:
    return f"{'met' if met else 'MISSED'}: {what}: {found} ({wanted})"


def _failed(lines: Sequence[Line]) -> float:
    return float(sum(line["failed"] for line in lines) / max(1, sum(line["deployed"] for line in lines)))


def content(lines: Sequence[Line]) -> dict[str, Any]:
    """What the page shows of them."""
    parts = [{"name": name, "rows": rows(variants)} for name, variants in groups(lines).items()]
    seeds = len({line["seed"] for line in lines})
    return {
        "columns": list(COLUMNS), "landscapes": parts, "goals": goals(lines), "rivals": rivals(lines), "seeds": seeds,
        "trials": lines[0]["trials"],
    }  # fmt: skip


def publish(lines: Sequence[Line]) -> None:
    """Put it where the methodology page reads it."""
    from tests.benchmarks.published import SEARCH, publish, this_machine

    found = content(lines)
    publish("bench", {**found, **this_machine(), "command": f"make bench-search SEEDS={found['seeds']}"}, SEARCH)
