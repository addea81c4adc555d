"""Which installed engine an entry of a campaign uses."""

from __future__ import annotations

from dataclasses import replace

from runner.domain.campaign import Campaign, Entry
from runner.engines import environments, recipes
from runner.engines.environments import Environment, version_key
from runner.errors import EngineMissing, Problem


def chosen(entry: Entry, campaign: Campaign) -> Environment | None:
    """The newest environment that serves the entry's runtime here, or that of its `version`. None: the entry names an
    interpreter or a program, nothing of the kind is installed, or the engine does not run as a process of this machine.

    Raises EngineMissing when the entry names a version that is not installed.
    """
    if campaign.deploy.kind != "local" or _own(entry):
        return None
    fitting = recipes.for_runtime(entry.runtime, campaign.hardware.gpus)
    wanted = entry.options.get("version")
    for device in dict.fromkeys(one.device == "cuda" for one in fitting):
        names = {one.name for one in fitting if (one.device == "cuda") is device}
        found = [
            one
            for one in environments.installed()
            if one.name in names and one.works and (wanted is None or one.version == wanted)
        ]
        if found:
            return max(found, key=lambda one: version_key(one.version))
    if wanted is not None and fitting:
        what = f"{entry.name}: {fitting[0].title} {wanted} is not installed"
        raise EngineMissing(what, hint=f"run `tunebook engine install {fitting[0].name}=={wanted}`")
    return None


def with_engine(entry: Entry, campaign: Campaign) -> Entry:
    """The entry with the interpreter that it will run on. Raises EngineMissing as `chosen` does."""
    engine = chosen(entry, campaign)
    return entry if engine is None else replace(entry, options={**entry.options, "python": str(engine.python)})


def remedied(problem: Problem, entry: Entry, campaign: Campaign) -> Problem:
    """What a runtime lacks, with the command that installs it, unless the entry named an interpreter of its own."""
    fitting = recipes.for_runtime(entry.runtime, campaign.hardware.gpus)
    if problem.slug != EngineMissing.slug or _own(entry) or not fitting:
        return problem
    return replace(problem, hint=f"run `tunebook engine install {fitting[0].name}`")


def _own(entry: Entry) -> bool:
    """Whether the entry says itself what is started."""
    return bool(entry.options.get("python") or entry.options.get("binary"))
