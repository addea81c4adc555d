"""site/reference/metrics.md, made of the one table of metrics."""

from __future__ import annotations

from runner.domain.metrics import METRICS, STATS, Metric

_HEAD = f"""# Metrics

<!-- Generated: python -m runner.render.metrics_page > site/reference/metrics.md -->

Every number that tunebook shows is one of these. A campaign spells a distribution with its statistic (`ttft_p99`;
plain `ttft` is the median) and a rate by its name (`output_throughput`). Statistics are
{", ".join(f"`{stat}`" for stat in STATS)}, over the good requests of one level; percentiles are never
averaged over levels or attempts (the cookbook of [tables](tables.md) adds histograms instead). In SQL:
`SELECT * FROM metrics WHERE metric = 'ttft' AND stat = 'p99'`; a rate has the statistic `value`.

The definitions are those of [genai-bench](https://docs.sglang.ai/genai-bench/) where it has them. In an open loop
(`load: {{rate: ...}}`) latency counts from the moment at which a request was meant to be sent, so a server that falls
behind cannot hide it. A difference below the resolution of a metric means nothing.
"""
_TABLE = "| metric | name | unit | better | resolution | how it is computed |\n|---|---|---|---|---|---|\n"


def metrics_page() -> str:
    """The page: one table of distributions, one of rates."""
    kinds = {"One value per request": True, "One value per level": False}
    parts = [_HEAD]
    for title, distribution in kinds.items():
        rows = [_row(metric) for metric in METRICS.values() if metric.distribution is distribution]
        parts.append(f"## {title}\n\n{_TABLE}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    better = {None: "", True: "more", False: "less"}[metric.higher_is_better]
    unit = "" if metric.unit == "ratio" else metric.unit
    step = f"{metric.resolution:g} {unit}".strip()
    cells = (metric.title, f"`{metric.name}`", unit, better, step, metric.formula)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    import sys

    sys.stdout.write(metrics_page())
