"""What a campaign calls best: metrics, directions, levels, and whether several of them fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.campaign.build import build_objective, direction
from runner.campaign.document import Document, Path
from runner.campaign.schema import CampaignFile, ObjectiveSection
from runner.campaign.validate import Reading
from runner.domain.campaign import Objective
from runner.domain.load import AT
from runner.domain.metrics import VALUE, metric_ref
from runner.errors import Problem, Where

COUNTED = ("goodput", "attainment", "capacity")
"""How the names of metrics begin that are counted by SLOs."""
WATCHED = ("energy", "gpu_")
"""How the names of metrics begin that need telemetry."""


def objectives(file: CampaignFile, document: Document) -> list[tuple[ObjectiveSection, Path]]:
    """Each with the path of its section in the document, which may have one as a plain mapping."""
    listed = isinstance((document.data or {}).get("objective"), list)
    return [(one, ("objective", index) if listed else ("objective",)) for index, one in enumerate(file.objective)]


def check_objective(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    if not reading.sound("objective"):
        return
    built: list[tuple[Objective, Path]] = []
    for section, path in objectives(file, document):
        try:
            objective = build_objective(section)
        except ValueError as error:
            yield no_metric(f"{_named(path)}.metric", error, document.at_value(*path, "metric"))
            continue
        yield from _one(file, objective, path, document, reading)
        built.append((objective, path))
    yield from _together(built, document)
    if len(file.objective) > 1 and reading.sound("search") and file.search.stop == "auto":
        what = f"search.stop: auto judges by one objective, and there are {len(file.objective)}"
        yield Problem("wrong-value", what, document.at_value("search", "stop"), "leave stop out")


def _one(
    file: CampaignFile, objective: Objective, path: Path, document: Document, reading: Reading
) -> Iterator[Problem]:
    ref = metric_ref(objective.metric)
    better = direction(ref)
    if better is not None and better != objective.goal:
        higher = "higher" if ref.metric.higher_is_better else "lower"
        what = f"{_named(path)}.goal {objective.goal} is against {ref.text}: {higher} is better"
        yield Problem("goal", what, document.at_value(*path, "goal"), "leave goal out")
    yield from per_gpu(file, reading, objective.metric, document.at_value(*path, "metric"))
    if objective.at == "mean" and ref.stat not in ("mean", VALUE):
        what = f"{_named(path)}.at: mean of {ref.text} over levels means nothing: percentiles are never averaged"
        yield Problem("objective-at", what, document.at_value(*path, "at"), "use worst, c=N, or the _mean")
    yield from _searched(file, objective.at, path, document, reading)
    yield from _at(file, objective.at, path, document, reading)


def _searched(file: CampaignFile, at: str, path: Path, document: Document, reading: Reading) -> Iterator[Problem]:
    """A load that is searched is one that holds SLOs, and so is an attainment, which the first objective states."""
    section = next(one for one, place in objectives(file, document) if place == path)
    where = document.at_value(*path, "attainment")
    if section.attainment is not None and path not in (("objective",), ("objective", 0)):
        what = f"{_named(path)}.attainment: the first objective says for all how large a share holds the SLOs"
        yield Problem("objective-at", what, where, "leave it out")
    if at == "goodput":
        return
    if section.attainment is not None:
        what = f"{_named(path)}.attainment belongs to at: goodput, and at is {at}"
        yield Problem("objective-at", what, where, "write at: goodput")
    if reading.sound("workload") and file.workload.load.searched is not None:
        kind = file.workload.load.kind.value
        what = f"workload.load.{kind}: a search looks for the highest load that holds the SLOs, and at is {at}"
        hint = "write objective: {..., at: goodput}, or list the loads"
        yield Problem("objective-at", what, document.at_value("workload", "load", kind), hint)


def _at(file: CampaignFile, at: str, path: Path, document: Document, reading: Reading) -> Iterator[Problem]:
    where, named = document.at_value(*path, "at"), _named(path)
    if at in ("worst", "mean"):
        return
    if at == "goodput":
        if reading.untouched("slo") and not file.slo:
            what = f"{named}.at: goodput is the highest load that meets the SLOs, and there is no slo"
            yield Problem("objective-at", what, where, "add slo:, for instance ttft_p99: {max: 500ms}")
        return
    match = re.fullmatch(rf"({'|'.join(AT)})=(\d+(?:\.\d+)?)", at)
    if match is None:
        what = f"{named}.at: {at!r} is not one of worst, mean, goodput, {', '.join(f'{key}=N' for key in AT)}"
        yield Problem("objective-at", what, where)
        return
    if not reading.sound("workload"):
        return
    kind = next(key for key, known in AT.items() if known is file.workload.load.kind)
    values = file.workload.load.loads
    if match[1] != kind or float(match[2]) not in values:
        known = ", ".join(f"{kind}={value:g}" for value in sorted(values))
        yield Problem("objective-at", f"{named}.at: {at} is not a load of this workload", where, f"loads: {known}")


def _together(built: list[tuple[Objective, Path]], document: Document) -> Iterator[Problem]:
    """Several objectives are read of the same attempt. `goodput` ends its ascent at the first missed SLO, so it goes
    with no other reading of the levels."""
    seen: dict[tuple[str, str], Path] = {}
    for objective, path in built:
        key = (objective.metric, objective.at)
        if key in seen:
            what = f"{_named(path)} asks for {objective.metric} at {objective.at}, as {_named(seen[key])} does"
            yield Problem("duplicate-key", what, document.at_value(*path, "metric"), "leave one of them out")
        seen.setdefault(key, path)
    kinds = {objective.at == "goodput" for objective, _ in built}
    if len(kinds) == 2:
        objective, path = next((one, path) for one, path in built if one.at != "goodput")
        what = f"{_named(path)}.at: {objective.at} beside goodput: levels above the highest good load are not measured"
        yield Problem("objective-at", what, document.at_value(*path, "at"), "write at: goodput for all, or for none")


def per_gpu(file: CampaignFile, reading: Reading, metric: str, where: Where) -> Iterator[Problem]:
    """What a metric needs of the hardware. Asked for objectives and for SLOs."""
    if metric.endswith("_per_gpu") and reading.sound("hardware") and not file.hardware.gpus:
        plain = metric.removesuffix("_per_gpu")
        yield Problem("metric", f"{metric} needs hardware.gpus", where, f"without GPUs use {plain}")
    if metric.startswith(COUNTED):
        what = f"{metric} is counted by the SLOs of the day of an attempt: it is shown, and decides nothing"
        hint = "objective: {metric: request_throughput, at: goodput} takes the highest load that meets the SLOs"
        yield Problem("metric", what, where, hint)
    leases = file.hardware.gpus and file.deploy.kind != "attach"
    if metric.startswith(WATCHED) and reading.sound("hardware", "deploy") and not leases:
        what = f"{metric} comes from GPUs that an attempt has leased"
        yield Problem("metric", what, where, "say how many: hardware: {gpus: 1}; with attach nothing is leased")


def no_metric(place: str, error: ValueError, where: Where) -> Problem:
    what, _, known = str(error).partition(" (known: ")
    what, _, meant = what.partition("; did you mean ")
    hint = f"did you mean {meant}" if meant else f"known: {known.removesuffix(')')}" if known else None
    return Problem("metric", f"{place}: {what}", where, hint)


def _named(path: Path) -> str:
    return "objective" if len(path) == 1 else f"objective[{path[1]}]"
