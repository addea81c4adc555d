"""What a workload means: whether its parts fit each other, and what is in its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner.campaign.build import build_workload, dataset_file, trace_file
from runner.campaign.check_objective import objectives
from runner.campaign.document import Document
from runner.campaign.scenario import FILES
from runner.campaign.schema import CampaignFile, WorkloadSection
from runner.campaign.validate import Reading
from runner.domain.campaign import Campaign, Workload
from runner.domain.load import LoadKind, RequestFile
from runner.domain.metrics import metric_ref
from runner.errors import HashMismatch, Problem, RequestFileError, Where
from runner.inputs.places import content_of
from runner.inputs.prepared import facts
from runner.util.project import project_folder

_FORMS = {
    "trace": "the ending says azure (.csv) or mooncake (.jsonl); else write format:",
    "dataset": "the ending says jsonl, csv, parquet or sharegpt (.json); else write format:",
}


def check_load(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """Every problem of the section `workload` that its schema can not see."""
    if not reading.sound("workload"):
        return
    section = file.workload
    workload = build_workload(section)
    yield from _scenarios(section, document, workload)
    yield from _prefix(section, document, workload)
    yield from _files(section, document)
    if section.task == "embeddings":
        yield from _embeddings(file, document, reading)


def with_files(campaign: Campaign, path: Path) -> Campaign:
    """The campaign with the hash and the lengths of its file of requests. `check_load` found nothing wrong with it."""
    project, workload = project_folder(path.resolve().parent), campaign.workload
    trace, dataset = (_known(file, project) if file else None for file in (workload.trace, workload.dataset))
    return replace(campaign, workload=replace(workload, trace=trace, dataset=dataset))


def _known(file: RequestFile, project: Path) -> RequestFile:
    file = file if file.sha256 else replace(file, sha256=content_of(file, project))
    known = facts(file, project)
    return file if known is None else replace(file, longest=known.longest, requests=known.requests)


def _scenarios(section: WorkloadSection, document: Document, workload: Workload) -> Iterator[Problem]:
    kinds = [scenario.kind for scenario in workload.scenarios]
    for name in FILES:
        if name in kinds and getattr(section, name) is None:
            where = document.at_value("workload", "scenarios", kinds.index(name))
            hint = f"add {name}: {{path: ...}}"
            yield Problem("missing-key", f"scenario {name} needs workload.{name}", where, hint)
    if section.load.kind is LoadKind.SPEED and section.trace is None:
        where = document.at_key("workload", "load", "speed")
        what = "load: speed replays workload.trace, and there is none"
        yield Problem("missing-key", what, where, "add trace: {path: ...}")
    if section.trace is not None and section.dataset is not None:
        where = document.at_key("workload", "dataset")
        yield Problem("wrong-value", "a workload has a trace or a dataset, not both", where)
    used = {*kinds, *(["trace"] if section.load.kind is LoadKind.SPEED else [])}
    for name in FILES:
        if getattr(section, name) is not None and name not in used:
            hint = f'write scenarios: ["{name}"]' + (", or load: {speed: [1]}" if name == "trace" else "")
            yield Problem("wrong-value", f"nothing uses workload.{name}", document.at_key("workload", name), hint)
    text = section.task == "text"
    for index, kind in enumerate(kinds):
        if (kind == "E") is text and kind != "dataset":
            where = document.at_value("workload", "scenarios", index)
            if text:
                yield Problem("wrong-value", "E(tokens) is a scenario of embeddings", where, "write task: embeddings")
            else:
                what = "embeddings have no output: their scenarios are E(tokens) and dataset"
                yield Problem("wrong-value", what, where)


def _prefix(section: WorkloadSection, document: Document, workload: Workload) -> Iterator[Problem]:
    if section.prefix is None:
        return
    for index, scenario in enumerate(workload.scenarios):
        where = document.at_value("workload", "scenarios", index)
        if scenario.kind in FILES:
            what = f"workload.prefix: what prompts of scenario {scenario.kind} share, the file says"
            yield Problem("wrong-value", what, where, "leave prefix out")
        elif section.prefix.length is not None and section.prefix.length >= scenario.prompt:
            what = (
                f"workload.prefix.length {section.prefix.length} leaves nothing of a prompt of {scenario.prompt} tokens"
            )
            at = document.at_value("workload", "prefix", "length")
            yield Problem("wrong-value", what, at, "a prefix is shorter than the prompts")


def _files(section: WorkloadSection, document: Document) -> Iterator[Problem]:
    if section.trace is not None:
        yield from _file("trace", trace_file(section.trace), document)
    given = section.dataset
    if given is None:
        return
    file = dataset_file(given)
    if file.form == "sharegpt" and (given.prompt is not None or given.output is not None):
        key = "prompt" if given.prompt is not None else "output"
        where = document.at_value("workload", "dataset", key)
        what = f"{key} names a column, and conversations have none"
        yield Problem("wrong-value", what, where, "leave it out: the first turns are prompt and answer")
    else:
        yield from _file("dataset", file, document)


def _file(name: str, file: RequestFile, document: Document) -> Iterator[Problem]:
    """What is wrong with a file of this machine. Nothing is fetched for a check."""
    where: Where = document.at_value("workload", name, "path" if file.path is not None else "url")
    if not file.form:
        what = f"workload.{name}: {file.label} is of a type that is not known"
        yield Problem(RequestFileError.slug, what, where, _FORMS[name])
        return
    project = project_folder(Path(document.file).resolve().parent)
    try:
        known = file if file.sha256 or file.path is None else replace(file, sha256=content_of(file, project))
        facts(known, project)
    except (RequestFileError, HashMismatch) as error:
        yield Problem(error.slug, f"workload.{name}: {error.what}", where, error.hint)


def _embeddings(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """No token comes out, so nothing that counts or times one exists."""
    wanted = [(name, document.at_key("slo", name)) for name in file.slo] if reading.sound("slo") else []
    if reading.sound("objective"):
        wanted += [(one.metric, document.at_value(*path, "metric")) for one, path in objectives(file, document)]
    for text, where in wanted:
        try:
            metric = metric_ref(text).metric
        except ValueError:
            continue  # said elsewhere
        if metric.of_output:
            what = f"{metric.name} is a metric of tokens that come out, and embeddings have none"
            hint = "use e2e, input_throughput or request_throughput"
            yield Problem("metric", what, where, hint)
    if reading.sound("quality") and file.quality is not None:
        what = "quality compares answers, and embeddings are no text"
        yield Problem("wrong-value", what, document.at_key("quality"), "leave quality out")
