"""What a campaign means, beyond the shape the schema sees: members, names, units, directions, levels.

Each check is a generator of problems and says nothing about a section that the schema already found broken.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from runner.campaign.build import build_entry, build_slo, direction
from runner.campaign.check_abstract import check_abstract
from runner.campaign.check_client import check_client
from runner.campaign.check_load import check_load
from runner.campaign.check_objective import check_objective, no_metric, per_gpu
from runner.campaign.check_space import check_expressions
from runner.campaign.document import Document
from runner.campaign.entry_schema import EntrySection
from runner.campaign.schema import CampaignFile
from runner.campaign.secrets import NAME as SECRET_NAME
from runner.campaign.secrets import in_command
from runner.campaign.validate import Reading
from runner.deployers import deployers
from runner.domain.campaign import Deploy
from runner.domain.metrics import REPORTED, metric_ref
from runner.domain.units import format_duration
from runner.errors import Problem, UnknownMember, Where
from runner.loadgens import loadgens
from runner.runtimes import runtimes
from runner.samplers import samplers
from runner.space.resolve import ENV
from runner.util.plugins import Folder

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(file: CampaignFile, document: Document, reading: Reading) -> list[Problem]:
    """Every problem of a file that the schema could read."""
    problems: list[Problem] = []
    more = (_quality, _repeats, _times, check_client, check_load, check_expressions)
    for one in (_members, _entries, _hardware, _deploy, check_objective, _slos, *more):
        problems += one(file, document, reading)
    return problems


def check_rules(file: CampaignFile, document: Document, reading: Reading) -> list[Problem]:
    """What is wrong with the objective and the SLOs alone, for rules without a campaign around them."""
    return [*check_objective(file, document, reading), *_slos(file, document, reading)]


def _members(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    wanted: list[tuple[Folder[Any], str, tuple[str, ...]]] = [
        (deployers, file.deploy.kind, ("deploy", "kind")),
        (loadgens, file.workload.client, ("workload", "client")),
        (samplers, file.search.sampler, ("search", "sampler")),
    ]
    if file.confirm.client is not None:
        wanted.append((loadgens, file.confirm.client, ("confirm", "client")))
    for folder, name, path in wanted:
        if reading.sound(path[0]):
            yield from _member(folder, name, document.at_value(*path))


def _member(folder: Folder[Any], name: str, where: Where) -> Iterator[Problem]:
    try:
        folder.get(name)
    except UnknownMember as error:
        yield Problem(error.slug, error.what, where, error.hint)


def _entries(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    names: dict[str, int] = {}
    for i, section in enumerate(file.runtimes):
        if not reading.sound_entry(i):
            continue
        known = not (unknown := list(_member(runtimes, section.runtime, document.at_value("runtimes", i, "runtime"))))
        yield from unknown
        own = [*_names(section, document, i), *check_abstract(section, document, i)]
        yield from own
        if known:
            places = {problem.where for problem in own}
            said = (one for one in _runtime_says(section, document, i) if one.where not in places)
            # A server that already runs needs no command line.
            attached = file.deploy.kind == "attach"
            yield from (one for one in said if not (attached and one.slug == "command-missing"))
        name = build_entry(section).name
        if name in names:
            key = "name" if section.name else "runtime"
            where = document.at_value("runtimes", i, key)
            yield Problem("duplicate-name", f"two entries are called {name!r}", where, "give each entry a name: key")
        names[name] = i


def _names(section: EntrySection, document: Document, i: int) -> Iterator[Problem]:
    """Flags without dashes in front, nothing both fixed and searched, environment names, no secret values."""
    fixed = {*section.flags, *(f"{ENV}{name}" for name in section.env)}
    for key in (*section.flags, *(section.space or {})):
        where = document.at_key("runtimes", i, "space" if key in (section.space or {}) else "flags", key)
        name = key.removeprefix(ENV)
        if key.startswith("-"):
            yield Problem("wrong-value", f"flag {key!r} has dashes in front", where, f"write {key.lstrip('-')!r}")
        elif not key or any(c.isspace() for c in key):
            yield Problem("wrong-value", f"{key!r} is no name of a flag", where)
        elif key.startswith(ENV) and not _ENV_NAME.fullmatch(name):
            yield Problem("wrong-value", f"{name!r} is no name of an environment variable", where)
        if SECRET_NAME.search(name) and _literal(section, key):
            hint = "pass it through env: [NAME], or in a file that the engine reads"
            yield Problem("secret", f"{key} looks like a secret: its value must not stand in a campaign", where, hint)
        if not key.startswith(ENV) and "" in _values(section, key):
            hint = "leave the flag out, or write true for one without a value"
            yield Problem("flag-value", f"flag {key!r} is empty: an engine would take what follows for it", where, hint)
        if key in (section.space or {}) and key in fixed:
            yield Problem("wrong-value", f"{key!r} is both fixed and searched", where, "keep one of the two")
        elif key.startswith(ENV) and key in section.flags:
            yield Problem("wrong-value", f"{key!r} is not a flag", where, f"write it as env: {{{name}: ...}}")
    for name in in_command(section.command or ()):
        where = document.at_value("runtimes", i, "command")
        hint = "pass it through env: [NAME], which the engine reads from its environment, or in a file"
        yield Problem("secret", f"command gives {name} a secret: it must not stand in a campaign", where, hint)
    for name, value in section.env.items():
        where = document.at_key("runtimes", i, "env", name)
        if not _ENV_NAME.fullmatch(name):
            yield Problem("wrong-value", f"{name!r} is no name of an environment variable", where)
        if value is not None and SECRET_NAME.search(name):
            hint = f"write env: [{name}] to pass it through from your own environment"
            yield Problem("secret", f"{name} looks like a secret: its value must not stand in a campaign", where, hint)


def _literal(section: EntrySection, key: str) -> bool:
    """Whether a flag has a value of its own: a bare switch gives nothing away."""
    return any(value is not None and not isinstance(value, bool) for value in _values(section, key))


def _values(section: EntrySection, key: str) -> list[Any]:
    """The fixed value of a flag, or those that are listed for it."""
    searched = (section.space or {}).get(key)
    return [section.flags.get(key)] if searched is None else list(searched.choice or [])


def _runtime_says(section: EntrySection, document: Document, i: int) -> Iterator[Problem]:
    entry = build_entry(section)
    for problem in runtimes.get(section.runtime).check(entry):
        where = problem.where or _mentioned(problem, section, document, i)
        prefix = "" if problem.what.startswith(f"{entry.name}: ") else f"{entry.name}: "
        yield Problem(problem.slug, prefix + problem.what, where, problem.hint)


def _mentioned(problem: Problem, section: EntrySection, document: Document, i: int) -> Where:
    """The line of the flag that the problem quotes, else the line of the entry."""
    for part, keys in (("flags", section.flags), ("space", section.space or {}), ("env", section.env)):
        for key in keys:
            if repr(key) in problem.what or f"--{key} " in f"{problem.what} ":
                return document.at_key("runtimes", i, part, key)
    return document.at_value("runtimes", i)


def _hardware(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    if not reading.sound("hardware"):
        return
    yield from _pinned(file, document, reading)
    if file.hardware.gpus:
        return
    if file.hardware.gpu is not None:
        where = document.at_value("hardware", "gpu")
        yield Problem("wrong-value", "hardware.gpu names a GPU, but gpus is 0", where, "say how many: gpus: 1")
    if reading.sound("budget") and file.budget.gpu_hours is not None:
        where = document.at_value("budget", "gpu_hours")
        yield Problem("wrong-value", "budget.gpu_hours without GPUs never ends a search", where, "use wall")


def _pinned(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    given = file.hardware
    if "client_cpus" in given.model_fields_set and not given.cpus:
        where = document.at_value("hardware", "client_cpus")
        what = "hardware.client_cpus without cpus: nothing is pinned"
        yield Problem("wrong-value", what, where, "say how many the engine has: cpus: 4")
    kind = file.deploy.kind if reading.sound("deploy") else ""
    if given.cpus and kind in deployers and not deployers.get(kind).leases:
        where = document.at_value("hardware", "cpus")
        what = f"hardware.cpus: deploy {kind} starts no engine on this machine, and can pin none"
        hint = "deploy.cpus is what a pod gets" if kind == "kubernetes" else "leave it out"
        yield Problem("wrong-value", what, where, hint)
    limit = (file.deploy.model_extra or {}).get("cpus") if kind == "docker" else None
    if isinstance(limit, int | float) and limit < given.cpus:
        what = f"deploy.cpus gives the container the time of {limit:g} CPUs, and hardware.cpus pins it to {given.cpus}"
        yield Problem("wrong-value", what, document.at_value("deploy", "cpus"), "leave it out: it has the pinned ones")


def _deploy(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    if not reading.sound("deploy") or file.deploy.kind not in deployers:
        return
    options = dict(file.deploy.model_extra or {})
    for problem in deployers.get(file.deploy.kind).check(Deploy(file.deploy.kind, options)):
        named = next((name for name in options if repr(name) in problem.what), None)
        where = document.at_value("deploy", named) if named else document.at_key("deploy")
        yield Problem(problem.slug, problem.what, where, problem.hint)
    yield from _images(file, document, reading)
    yield from _weights(file, document, reading)
    yield from _attached(file, document, reading) if file.deploy.kind == "attach" else _started(file, document, reading)


def _images(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """An entry names an image where one is started, and nowhere else: it would be ignored."""
    kind = file.deploy.kind
    wanted = deployers.get(kind).needs_image
    for i, section in enumerate(file.runtimes):
        if reading.sound_entry(i) and (section.image is not None) is not wanted:
            if wanted:
                where, what = document.at_key("runtimes", i), f"deploy {kind}: the entry names no image"
                yield Problem("missing-key", what, where, "image: vllm/vllm-openai:v0.33.0, or one of your own")
            else:
                where, what = document.at_value("runtimes", i, "image"), f"image: deploy {kind} starts no container"
                yield Problem("wrong-value", what, where, "write deploy: docker, or leave image out")


def _weights(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """A pod sees no file of this machine."""
    lacks = not {"weights", "base_model"} & set(file.deploy.model_extra or {})
    if file.deploy.kind == "kubernetes" and lacks and reading.sound("model") and file.model.id is None:
        what = "deploy kubernetes: the model is a file here, and nothing says where the cluster has it"
        yield Problem("missing-key", what, document.at_key("deploy"), "weights: pvc://claim/folder, which has it too")
    if (file.deploy.model_extra or {}).get("load_image") and reading.sound("workload"):
        of_file = next((name for name in ("trace", "dataset") if getattr(file.workload, name, None) is not None), None)
        if of_file is not None:
            what = f"deploy kubernetes: the {of_file} is a file here, which the load generator's pod does not see"
            where = document.at_value("deploy", "load_image")
            yield Problem("wrong-value", what, where, "leave load_image out; the load then comes from this machine")


def _started(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """What an engine that we start ourselves can not have."""
    if not reading.sound("model") or file.model.id is None:
        return
    for i, section in enumerate(file.runtimes):
        if reading.sound_entry(i) and section.runtime in runtimes and runtimes.get(section.runtime).needs_file:
            what = f"model.id: {runtimes.get(section.runtime).title} loads a file and takes no hub id"
            yield Problem("wrong-value", what, document.at_value("model", "id"), "use path, or package and file")
            return


def _attached(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    for i, section in enumerate(file.runtimes):
        if reading.sound_entry(i) and section.space:
            what = "deploy: attach measures a server that runs already: its flags can not be searched"
            where = document.at_key("runtimes", i, "space")
            yield Problem("attach-space", what, where, "remove space, or choose another deploy")


def _slos(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    if not reading.sound("slo"):
        return
    metrics: dict[str, str] = {}
    for name, section in file.slo.items():
        at_key = document.at_key("slo", name)
        try:
            ref = metric_ref(name)
        except ValueError as error:
            yield no_metric("slo", error, at_key)
            continue
        limit = "max" if section.max is not None else "min"
        at_limit = document.at_value("slo", name, limit)
        try:
            build_slo(name, section)
        except ValueError as error:
            yield Problem("wrong-unit", f"slo.{name}.{limit}: {error}", at_limit)
        wanted = {"maximize": "min", "minimize": "max"}.get(direction(ref) or "", limit)
        if ref.metric.name.startswith(REPORTED):
            what = f"slo {name}: what a client reports of itself is shown beside our numbers, and judges nothing"
            yield Problem("metric", what, at_key, f"write {name.removeprefix(REPORTED)}")
        if limit != wanted:
            higher = "higher" if ref.metric.higher_is_better else "lower"
            what = f"slo.{name}: {limit} is against the metric: {higher} is better"
            yield Problem("goal", what, at_limit, f"write {wanted}:")
        if ref.text in metrics:
            yield Problem("duplicate-key", f"slo {name} limits {ref.text}, as {metrics[ref.text]} does", at_key)
        metrics[ref.text] = name
        yield from per_gpu(file, reading, ref.text, at_key)


def _quality(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """A guard needs a reference that is measured, and something beside it."""
    if file.quality is None or not reading.sound("quality"):
        return
    where = document.at_value("quality", "reference")
    if reading.untouched("runtimes"):
        names = [build_entry(section).name for section in file.runtimes]
        if file.quality.reference not in names:
            near = difflib.get_close_matches(file.quality.reference, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"entries: {', '.join(names)}"
            yield Problem("unknown-entry", f"no entry is called {file.quality.reference!r}", where, hint)
        elif len(names) == 1 and not build_entry(file.runtimes[0]).space.parameters:
            what = "quality: there is nothing to compare with the default of the only entry"
            yield Problem("wrong-value", what, where, "give the entry a space, or add a second entry")
    if reading.sound("search") and not file.search.baseline:
        where = document.at_value("search", "baseline")
        what = "quality compares with the default of its reference, which search.baseline: false leaves out"
        yield Problem("wrong-value", what, where, "write baseline: true, or leave quality out")


def _repeats(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    confirm = file.confirm
    if reading.sound("confirm") and confirm.at_most is not None and confirm.at_most < confirm.repeats:
        what = f"confirm.at_most, {confirm.at_most}, is less than confirm.repeats, {confirm.repeats}"
        hint = "repeats is how many are made before the first look, at_most where it ends"
        yield Problem("wrong-value", what, document.at_value("confirm", "at_most"), hint)


def _times(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    if not reading.sound("timeouts", "workload"):
        return
    duration, longest = file.workload.each_level.duration, file.timeouts.level
    if duration >= longest:
        what = f"a level of {format_duration(duration)} does not fit into timeouts.level, {format_duration(longest)}"
        where = document.at_value("workload", "each_level", "duration")
        yield Problem("wrong-value", what, where, "raise timeouts: {level: ...}, or shorten each_level.duration")
