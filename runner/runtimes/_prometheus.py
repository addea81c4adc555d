"""The counters of a `/metrics` page in Prometheus' text format."""

from __future__ import annotations

import re
from collections.abc import Collection

from runner.util import net

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def counters(base_url: str, timeout: float = 2.0, histograms: Collection[str] = ()) -> dict[str, float]:
    """Every metric whose type is `counter` and whose name ends in `_total`, summed over its labels; of `histograms`
    their `_sum` and `_count`, which only grow too. Empty when the page is not there: counters are a check of the
    client's own figures, never needed."""
    return parse(page(base_url, timeout), histograms)


def page(base_url: str, timeout: float = 2.0) -> str:
    """The text of `/metrics`, empty where there is none."""
    try:
        status, body = net.get(f"{base_url}/metrics", timeout)
    except net.NoAnswer:
        return ""
    return body.decode("utf-8", errors="replace") if status == 200 else ""


def labels(text: str, metric: str) -> dict[str, str]:
    """The labels of the first sample of a metric: some engines tell their settings so. Empty when it is not there."""
    for line in text.splitlines():
        if line.startswith(metric + "{"):
            return dict(_LABEL.findall(line.partition("{")[2].rpartition("}")[0]))
    return {}


def parse(text: str, histograms: Collection[str] = ()) -> dict[str, float]:
    """The rule of `counters` on a text. Lines that are no sample, and values that are not finite, are left out."""
    sums = {f"{name}{end}" for name in histograms for end in ("_sum", "_count")}
    types: dict[str, str] = {}
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            words = line.split()
            if len(words) == 4:
                types[words[2]] = words[3]
            continue
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition("{")
        if rest:
            rest = rest.rpartition("}")[2]
        else:
            name, _, rest = line.partition(" ")
        name = name.strip()
        counter = types.get(name, types.get(name.removesuffix("_total"))) == "counter" and name.endswith("_total")
        if not counter and name not in sums:
            continue
        try:
            value = float(rest.split()[0])
        except (IndexError, ValueError):
            continue
        if value - value == 0:  # neither infinite nor NaN
            found[name] = found.get(name, 0.0) + value
    return found
