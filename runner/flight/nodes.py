"""The machines of a run whose attempts are away: who may take part.

A machine takes part when it runs the same tunebook, has what the campaign needs, and is of the same kind as the others:
numbers of two kinds of machine are never ranked together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import __version__
from runner.campaign.load import resolved
from runner.domain.campaign import Campaign
from runner.domain.failure import Outcome
from runner.domain.hardware import HostFacts
from runner.domain.trial import Attempt
from runner.errors import NotReady, OtherHardware, Problem
from runner.executors import Executor, Lost
from runner.flight.home import IN, Collected, collect
from runner.flight.there import key_of, node_facts
from runner.hardware.choice import matching
from runner.util.codec import from_plain

OTHER_KIND = "another kind of machine than those that measure"


@dataclass(frozen=True, slots=True)
class Nodes:
    """The machines that take part. `left_out`: why others do not, a sentence each. `slots`: most attempts at a time."""

    hosts: Mapping[str, HostFacts]
    left_out: tuple[str, ...]
    slots: int

    def lines(self, campaign: Campaign) -> list[str]:
        """Machines and GPUs, for whoever reads what a run does."""
        there = [f"attempts run on {name}: {machine(host, campaign)}" for name, host in self.hosts.items()]
        return [*there, *self.left_out]


def survey(
    executor: Executor, campaign: Campaign, results: Path, project: Path, attempts: Sequence[Attempt]
) -> tuple[Nodes, Collected]:
    """Ask every machine, take home what waits there, and settle who takes part.

    Raises NotReady, with the machines by name, when one runs another tunebook, and when none can run the campaign;
    OtherHardware, when all that keeps them from it is that they have not so many GPUs of the kind."""
    facts = executor.everywhere(IN + "node_facts", {})
    if not facts:
        what = f"no living machine of the cluster can hold {_asked(campaign)}"
        hint = "`ray status` shows what Ray has; a machine started with --num-cpus=0 and without GPUs takes none"
        raise _other_hardware(what, hint) if campaign.hardware.gpus else NotReady(what, hint=hint)
    if wrong := another_tunebook(facts):
        told = "; ".join(f"{name} {why}" for name, why in wrong.items())
        raise NotReady(told, hint=f"install tunebook {__version__} of one source on every machine")
    able, left_out, home, fits = _prepared(executor, campaign, results, project, facts)
    chosen = of_one_kind(able, campaign, attempts)
    left_out |= {name: OTHER_KIND for name in able if name not in chosen}
    why = _sentences(left_out)
    if not chosen:
        told = "; ".join(why) or "the machines of this cluster are of another kind than those that measured before"
        what = f"no machine of the cluster can run campaign {campaign.name!r}: {told}"
        raise NotReady(what) if fits else _other_hardware(what)
    executor.keep(chosen)
    return Nodes(chosen, why, _slots(chosen, campaign)), home


def joined(
    executor: Executor, campaign: Campaign, results: Path, project: Path, nodes: Nodes, names: Collection[str]
) -> tuple[Nodes, Collected]:
    """The same of machines that joined while a run goes on: of these `names` alone, beside `nodes`. Who can not take
    part is left out with its reason; nothing ends for that."""
    facts = executor.everywhere(IN + "node_facts", {}, names)
    wrong = another_tunebook(facts)
    right = {name: one for name, one in facts.items() if name not in wrong}
    able, left_out, home, _ = _prepared(executor, campaign, results, project, right)
    kind = kind_of(next(iter(nodes.hosts.values())), campaign)
    chosen = {name: host for name, host in able.items() if kind_of(host, campaign) == kind}
    left_out |= wrong | {name: OTHER_KIND for name in able if name not in chosen}
    executor.keep([*nodes.hosts, *chosen])
    return Nodes(chosen, _sentences(left_out), _slots(chosen, campaign)), home


def _prepared(
    executor: Executor, campaign: Campaign, results: Path, project: Path, facts: Mapping[str, Any]
) -> tuple[dict[str, HostFacts], dict[str, str], Collected, bool]:
    """Machines that could run the campaign, why others can not, what came home from all of them, and whether any of
    them fits it, as far as GPUs go."""
    payload = {"key": key_of(results), "campaign": resolved(campaign), "project": str(project)}
    said = executor.everywhere(IN + "prepare", payload, facts.keys()) if facts else {}
    home = collect(executor, results, said)
    hosts = {name: from_plain(HostFacts, facts[name]["host"]) for name in facts if name in said}
    left_out = {name: _lacks(said[name]) or _several(host, campaign) for name, host in hosts.items()}
    able = {name: host for name, host in hosts.items() if not left_out[name]}
    fits = any(isinstance(one, Lost) or one["fits"] for one in said.values())
    return able, {name: why for name, why in left_out.items() if why}, home, fits


def _other_hardware(what: str, hint: str | None = None) -> OtherHardware:
    return OtherHardware([Problem(OtherHardware.slug, what, None, hint)])


def _sentences(left_out: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} takes no part: {reason}" for name, reason in sorted(left_out.items()))


def another_tunebook(facts: Mapping[str, Any]) -> dict[str, str]:
    """What every machine which does not run exactly our code has, with ours beside it; by name."""
    ours = node_facts({}, lambda: False, lambda message: None)
    wrong = {}
    for name, said in facts.items():
        if isinstance(said, Lost):
            wrong[name] = f"can not run tunebook: {said.what}"
            continue
        differing = [f"{word} {said[word]}, here {ours[word]}" for word in ("version", "code", "python")
                     if said[word] != ours[word]]  # fmt: skip
        if differing:
            wrong[name] = f"has another tunebook: {'; '.join(differing)}"
    return wrong


def kind_of(host: HostFacts, campaign: Campaign) -> tuple[Any, ...]:
    """Machines that agree in this may be ranked together."""
    gpus = matching(host.gpus, campaign.hardware.gpu) if campaign.hardware.gpus else []
    return tuple(sorted({(gpu.name, gpu.memory_bytes) for gpu in gpus})), host.cpu_model, host.cpu_count


def of_one_kind(
    hosts: Mapping[str, HostFacts], campaign: Campaign, attempts: Sequence[Attempt]
) -> dict[str, HostFacts]:
    """Those of the kind that measured before; at the beginning of a series those of the most frequent kind."""
    kinds: dict[tuple[Any, ...], dict[str, HostFacts]] = {}
    for name, host in hosts.items():
        kinds.setdefault(kind_of(host, campaign), {})[name] = host
    measured = [one for one in attempts if one.outcome in (Outcome.MEASURED, Outcome.FAILED)]
    if measured:
        return kinds.get(kind_of(measured[-1].host, campaign), {})
    return max(kinds.values(), key=lambda found: _slots(found, campaign), default={})


def machine(host: HostFacts, campaign: Campaign) -> str:
    """`H100 (80 GB)` and the like: what it brings."""
    names = [gpu.name for gpu in matching(host.gpus, campaign.hardware.gpu)] if campaign.hardware.gpus else []
    gpus = ", ".join(f"{names.count(name)}x {name}" for name in dict.fromkeys(names))
    return gpus or f"{host.cpu_model}, {host.cpu_count} cores"


def _lacks(said: Any) -> str:
    return said.what if isinstance(said, Lost) else str(said["lacks"])


def _several(host: HostFacts, campaign: Campaign) -> str:
    """Ray gives a task any GPUs of a machine: all of them must be of the wanted kind."""
    wanted = campaign.hardware
    names = dict.fromkeys(gpu.name for gpu in host.gpus)
    if not wanted.gpus or (len(names) == 1 and len(matching(host.gpus, wanted.gpu)) == len(host.gpus)):
        return ""
    return f"its GPUs are {', '.join(names)}, and Ray can not choose among them"


def _slots(hosts: Mapping[str, HostFacts], campaign: Campaign) -> int:
    gpus = 0 if campaign.hardware.cpus else campaign.hardware.gpus
    return sum(len(host.gpus) // gpus if gpus else 1 for host in hosts.values())


def _asked(campaign: Campaign) -> str:
    return campaign.hardware.label if campaign.hardware.gpus else "an attempt"
