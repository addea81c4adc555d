"""site/reference/metrics.md, made of the one table of metrics."""

from __future__ import annotations

from runner.domain.metrics import ERROR_KINDS, METRICS, STATS, Metric

_HEAD = f"""# Metrics

<!-- Generated: python -m runner.render.metrics_page > site/reference/metrics.md -->

Every number that tunebook shows is one of these. A campaign spells a distribution with its statistic (`ttft_p99`;
plain `ttft` is the median) and a rate by its name (`output_throughput`). Statistics are
{", ".join(f"`{stat}`" for stat in STATS)}, over the good requests of one level; percentiles are never
averaged over levels or attempts (the cookbook of [tables](tables.md) adds histograms instead). In SQL:
`SELECT * FROM metrics WHERE metric = 'ttft' AND stat = 'p99'`; a rate has the statistic `value`.

The definitions are those of the source, where one is named. In an open loop (every `load` but `concurrency`)
latency counts from the moment at which a request was meant to be sent, so a server that falls behind cannot hide it.
A difference below the resolution of a metric means nothing.

[Embeddings](../guide/workloads.md#embeddings) have none of the metrics of tokens that come out:
{", ".join(f"`{metric.name}`" for metric in METRICS.values() if metric.of_output)}.

`goodput` is no objective, because it is counted by the SLOs of the day of the attempt; `objective: {{at: goodput}}`
takes the highest load that meets the SLOs, and judges old measurements anew when they change.
"""
_TABLE = "| metric | name | unit | better | resolution | how it is computed | source |\n|---|---|---|---|---|---|---|\n"
_ERRORS = """## Requests that do not end well

They lend no number to a latency; what they do is lower `success_rate`. The table `level_error` counts them by level
and kind, with the first message of each.

| kind | meaning |
|---|---|
"""


def metrics_page() -> str:
    """The page: one table of distributions, one of rates."""
    kinds = {"One value per request": True, "One value per level": False}
    parts = [_HEAD]
    for title, distribution in kinds.items():
        rows = [_row(metric) for metric in METRICS.values() if metric.distribution is distribution]
        parts.append(f"## {title}\n\n{_TABLE}" + "\n".join(rows) + "\n")
    kinds_of_error = [f"| `{kind}` | {meaning} |" for kind, meaning in ERROR_KINDS.items()]
    parts.append(_ERRORS + "\n".join(kinds_of_error) + "\n")
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    better = {None: "", True: "more", False: "less"}[metric.higher_is_better]
    unit = "" if metric.unit == "ratio" else metric.unit
    step = f"{metric.resolution:g} {unit}".strip()
    source = f"[{metric.source.name}]({metric.source.url})" if metric.source.url else metric.source.name
    cells = (metric.title, f"`{metric.name}`", unit, better, step, metric.formula, source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    import sys

    sys.stdout.write(metrics_page())
