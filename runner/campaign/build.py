"""A valid campaign file to the resolved campaign of the domain: units parsed, spellings unified, defaults filled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from runner.campaign.entry_schema import EntrySection, ParameterSection
from runner.campaign.load_schema import DatasetSection, FileSection, TraceSection
from runner.campaign.scenario import parse_scenario
from runner.campaign.schema import CampaignFile, ConfirmSection, ObjectiveSection, SloSection, WorkloadSection
from runner.deployers import deployers
from runner.domain.campaign import (
    ATTAINMENT,
    CONFIRM_AT_MOST,
    Budget,
    Campaign,
    Confirm,
    Deploy,
    EachLevel,
    Entry,
    Goal,
    Hardware,
    Model,
    Objective,
    Quality,
    Search,
    Slo,
    Timeouts,
    Workload,
)
from runner.domain.load import LoadSearch, Prefix, RequestFile, Shape
from runner.domain.metrics import MetricRef, metric_ref
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Scalar
from runner.domain.units import parse_duration
from runner.loadgens import loadgens
from runner.runtimes import runtimes
from runner.space.abstract import PARALLEL, PRESET, QUANTIZATION
from runner.space.resolve import ENV, env_text
from runner.util.plugins import Folder

OPTION_KEYS = ("python", "version", "image", "command", "health", "signatures", "allow_unknown_flags")
"""Keys of an entry that belong to the runtime; `options:` adds further ones."""


def build(file: CampaignFile, path: str = "") -> Campaign:
    """The campaign, without its hashes. Raises ValueError for what `checks` would have reported."""
    return Campaign(
        name=file.name,
        model=Model(**file.model.model_dump()),
        entries=tuple(build_entry(section) for section in file.runtimes),
        workload=build_workload(file.workload),
        objective=build_objective(file.objective[0], file.workload.load.searched is not None),
        also=tuple(build_objective(section) for section in file.objective[1:]),
        hardware=Hardware(**file.hardware.model_dump()),
        deploy=Deploy(canonical(deployers, file.deploy.kind), dict(file.deploy.model_extra or {})),
        slos=tuple(build_slo(name, section) for name, section in file.slo.items()),
        search=Search(**file.search.model_dump()),
        confirm=_confirm(file.confirm),
        budget=Budget(**file.budget.model_dump()),
        timeouts=Timeouts(**file.timeouts.model_dump()),
        every=file.every,
        quality=Quality(**file.quality.model_dump()) if file.quality else None,
        description=file.description,
        path=path,
    )


def _confirm(section: ConfirmSection) -> Confirm:
    """A file that says how many repeats it wants gets those; one that leaves it to us goes on until they tell."""
    confirm = Confirm(**section.model_dump())
    silent = not {"repeats", "at_most"} & section.model_fields_set
    return replace(confirm, at_most=CONFIRM_AT_MOST) if confirm.top and silent else confirm


def canonical(folder: Folder[Any], name: str) -> str:
    """The member's own spelling (`llama-cpp` -> `llama_cpp`): two spellings must not make two lineages."""
    folded = name.replace("_", "-")
    return next((known for known in folder.names() if known.replace("_", "-") == folded), name)


def build_entry(section: EntrySection) -> Entry:
    runtime = canonical(runtimes, section.runtime)
    name = section.name or runtime
    flags = dict(section.flags)
    parameters = {key: build_parameter(value) for key, value in (section.space or {}).items()}
    for key, given in abstract_settings(section).items():
        if isinstance(given, list):
            parameters[key] = Choice(tuple(given))
        else:
            flags[key] = given
    env = {key: env_text(value) for key, value in section.env.items() if value is not None}
    options = {key: value for key in OPTION_KEYS if (value := getattr(section, key)) is not None}
    fixed: dict[str, Scalar] = {**flags, **{f"{ENV}{k}": v for k, v in section.env.items() if v is not None}}
    return Entry(
        name=name,
        runtime=runtime,
        flags=flags,
        env=env,
        pass_env=tuple(sorted(key for key, value in section.env.items() if value is None)),
        options=options | section.options,
        space=EntrySpace(name, parameters, tuple(section.where), fixed),
    )


def abstract_settings(section: EntrySection) -> dict[str, Scalar | list[Scalar]]:
    """`quantization.FIELD`, `parallel.FIELD` and their `.preset` -> the value, or the list of values: a list is
    searched, even one of a single value."""
    return {
        f"{group}{PRESET if key == 'presets' else key}": value
        for group, given in ((QUANTIZATION, section.quantization), (PARALLEL, section.parallel))
        for key, value in (given or {}).items()
    }


def build_parameter(section: ParameterSection) -> Parameter:
    """The one kind that the schema made sure of."""
    if section.whole is not None:
        low, high = section.whole
        return Int(low, high, section.log, section.step or 1, section.when)
    if section.number is not None:
        low_number, high_number = section.number
        return Float(float(low_number), float(high_number), section.log, section.when)
    values = section.choice if section.choice is not None else section.flag
    return Choice(tuple(values or ()), section.when)


def build_workload(section: WorkloadSection) -> Workload:
    load, usual = section.load, Shape()
    gamma = None if isinstance(section.arrivals, str) else section.arrivals.gamma
    return Workload(
        client=canonical(loadgens, section.client),
        api=section.api,
        scenarios=tuple(parse_scenario(text) for text in section.scenarios),
        load_kind=load.kind,
        loads=tuple(sorted(load.loads)),
        each_level=EachLevel(**section.each_level.model_dump()),
        min_success_rate=section.min_success_rate,
        arrivals=section.arrivals if isinstance(section.arrivals, str) else "gamma",
        ignore_eos=section.ignore_eos,
        temperature=section.temperature,
        task=section.task,
        shape=Shape(
            ramp_from=usual.ramp_from if load.start is None else float(load.start),
            burst_every=usual.burst_every if load.every is None else load.every,
            gamma=usual.gamma if gamma is None else float(gamma),
        ),
        prefix=Prefix(**section.prefix.model_dump()) if section.prefix else None,
        trace=trace_file(section.trace) if section.trace else None,
        dataset=dataset_file(section.dataset) if section.dataset else None,
        load_search=LoadSearch(*load.searched.bounds, load.searched.levels) if load.searched else None,
    )


def trace_file(section: TraceSection) -> RequestFile:
    """Without its hash, unless the campaign pins it, and without its lengths: `inputs` adds both."""
    form = section.format or {"csv": "azure", "jsonl": "mooncake"}.get(ending(section), "")
    return RequestFile(section.sha256 or "", form, section.path, section.url, max_size=section.max_size)


def dataset_file(section: DatasetSection) -> RequestFile:
    """As `trace_file`."""
    form = section.format or {"json": "sharegpt"}.get(ending(section), ending(section))
    known = form in ("jsonl", "csv", "parquet", "sharegpt")
    prompt, output = (None, None) if form == "sharegpt" else (section.prompt or "prompt", section.output)
    place = (section.path, section.url)
    return RequestFile(section.sha256 or "", form if known else "", *place, prompt, output, section.max_size)


def ending(section: FileSection) -> str:
    """`csv` of `a.csv.gz`; of an address without what follows its path."""
    name = (section.path or urlsplit(section.url or "").path).lower()
    return PurePosixPath(name.removesuffix(".gz").removesuffix(".zip")).suffix.removeprefix(".")


def build_objective(section: ObjectiveSection, searched: bool = False) -> Objective:
    """`searched`: the load is, and its levels are judged by an attainment. Raises ValueError for an unknown metric or
    one without a direction."""
    ref = metric_ref(section.metric)
    goal = section.goal or direction(ref)
    if goal is None:
        raise ValueError(f"{ref.text} has no direction of better: it can not be an objective")
    share = section.attainment if section.attainment is not None else ATTAINMENT if searched else None
    return Objective(ref.text, Goal(goal), section.at.replace(" ", ""), share)


def direction(ref: MetricRef) -> str | None:
    better = ref.metric.higher_is_better
    return None if better is None else "maximize" if better else "minimize"


def build_slo(name: str, section: SloSection) -> Slo:
    """Raises ValueError for an unknown metric or a limit without, or with a wrong, unit."""
    ref = metric_ref(name)
    return Slo(
        name=name,
        metric=ref.text,
        maximum=limit(ref, section.max) if section.max is not None else None,
        minimum=limit(ref, section.min) if section.min is not None else None,
        hard=section.hard,
        weight=section.weight,
        steepness=section.steepness,
    )


def limit(ref: MetricRef, written: float | str) -> float:
    """The limit in the metric's own unit: durations carry theirs, other numbers are plain. Above 0 (ratios: at most 1),
    because a violation is measured as a share of the limit."""
    if ref.unit == "s":
        if not isinstance(written, str):
            raise ValueError(f"{written:g} has no unit: write {written:g}ms or {written:g}s")
        value = parse_duration(written)
    elif isinstance(written, str):
        raise ValueError(f"{written!r} must be a plain number: {ref.text} is measured in {ref.unit}")
    else:
        value = float(written)
    if value <= 0:
        raise ValueError(f"a limit must be above 0, not {value:g}")
    if ref.unit == "ratio" and value > 1:
        raise ValueError(f"{ref.text} is a share between 0 and 1, not {value:g}")
    return value
