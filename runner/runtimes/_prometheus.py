"""The counters of a `/metrics` page in Prometheus' text format."""

from __future__ import annotations

from runner.util import net


def counters(base_url: str, timeout: float = 2.0) -> dict[str, float]:
    """Every metric whose type is `counter` and whose name ends in `_total`, summed over its labels. Empty when the
    page is not there: counters are a check of the client's own figures, never needed."""
    try:
        status, body = net.get(f"{base_url}/metrics", timeout)
    except net.NoAnswer:
        return {}
    return parse(body.decode("utf-8", errors="replace")) if status == 200 else {}


def parse(text: str) -> dict[str, float]:
    """The rule of `counters` on a text. Lines that are no sample, and values that are not finite, are left out."""
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
        if types.get(name, types.get(name.removesuffix("_total"))) != "counter" or not name.endswith("_total"):
            continue
        try:
            value = float(rest.split()[0])
        except (IndexError, ValueError):
            continue
        if value - value == 0:  # neither infinite nor NaN
            found[name] = found.get(name, 0.0) + value
    return found
