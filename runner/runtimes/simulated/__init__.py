"""The simulated engine: a real HTTP server (`runner.simulated.server`) with a known optimum and scripted faults.

Its flags are those of the server; `fault` holds one or more scripted faults, separated by commas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Cause, Change, Failure, Hint, Phase
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Choice, Scalar
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Room, Runtime, _flags, _prometheus, _rules, _signatures
from runner.runtimes._flags import Flag
from runner.simulated.faults import parse_all
from runner.util import net

OPTIONS = ("python", "image")
FLAGS = {
    flag.name: flag
    for flag in (
        Flag("max-num-seqs", "int", "sequences generated at the same time", minimum=1, default=8),
        Flag("threads", "int", "threads", minimum=1, default=2),
        Flag("block-size", "choice", "tokens of a cache block", choices=(8, 16, 32, 64, 128), default=16),
        Flag("cache-dtype", "choice", "number format of the cache", choices=("f16", "q8", "q4"), default="f16"),
        Flag("ctx-size", "int", "context of one sequence, in tokens", minimum=1, default=4096),
        Flag("chunk-size", "int", "tokens of a prompt read at once", minimum=1, default=512),
        Flag("memory-gb", "float", "memory of the simulated machine", minimum=0.0, default=16.0),
        Flag("time-scale", "float", "0.1 = ten times faster", minimum=0.0, default=1.0),
        Flag("seed", "int", "chooses the requests that a fault hits", default=0),
        Flag("fault", "text", "scripted faults, separated by commas", default=""),
    )
}

RULES = _rules.load(Path(__file__).with_name("rules.toml"))
SIGNATURES = _signatures.Table(
    tuple(
        _signatures.Signature(rule, re.compile(pattern), cause, phase)
        for rule, pattern, cause, phase in (
            ("unknown-flag", r"error: (unrecognized arguments|argument --)", Cause.BAD_FLAG, Phase.START),
            ("port-taken", r"couldn't bind HTTP server socket", Cause.PORT, Phase.START),
            ("bad-combination", r"^.*E unsupported: ", Cause.BAD_FLAG, Phase.LOAD),
            ("out-of-memory", r"E (failed to allocate buffer|out of memory: )", Cause.OOM_LOAD, Phase.LOAD),
            ("context-too-small", r"W request \d+ refused: ", Cause.KV_TOO_SMALL, Phase.MEASURE),
        )
    ),
    served=re.compile(r"I ready$"),
)


class Simulated:
    name = "simulated"
    title = "Simulated engine"
    needs_file = False
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        found = _flags.problems(entry, FLAGS, ("host", "port", "model")) + _flags.unknown_options(
            entry, ("python", "image")
        )
        searched = entry.space.parameters.get("fault")
        values = searched.values if isinstance(searched, Choice) else ()
        for value in (entry.flags.get("fault", ""), *values):
            try:
                parse_all(_faults(value))
            except ValueError as error:
                found.append(Problem("flag-value", f"{entry.name}: flag 'fault': {error}"))
        return found

    def needs(self, entry: Entry) -> list[Problem]:
        return []  # it is part of tunebook

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        return _rules.refusal(RULES, configuration, campaign, ground)

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        plain = {name: value for name, value in configuration.flags.items() if name != "fault"}
        flags = _flags.spell(plain) + tuple(
            f"--fault={fault}" for fault in _faults(configuration.flags.get("fault", ""))
        )
        module = ("-m", "runner.simulated.server")
        served = ("--model", placement.served_model)
        return Launch(
            argv=(placement.python, *module, "--host", placement.host, "--port", str(placement.port), *served, *flags),
            env=dict(configuration.env),
            health=Health("/health"),
            portable=("python", *module, "--host", "127.0.0.1", "--port", "$PORT", *served, *flags),
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def hint(self, failure: Failure, configuration: Configuration, log: str, room: Room) -> Hint | None:
        for pattern, advise in _HINTS:
            if found := pattern.search(log):
                return advise(found, configuration.flags)
        return None

    def facts(self, base_url: str, log: str) -> EngineFacts:
        try:
            _, body = net.get(f"{base_url}/version", 5.0)
            answer = json.loads(body)
        except (net.NoAnswer, ValueError):
            return EngineFacts(self.title, "unknown")
        return EngineFacts(self.title, answer["version"], answer["build"], answer["settings"])

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(base_url)


def _memory_hint(found: re.Match[str], flags: Mapping[str, Scalar]) -> Hint | None:
    """The cache grows linearly with the sequences; when one alone is too much, with their context."""
    weights, cache, buffers, needed, have = map(float, found.groups())
    left = have - weights - buffers
    sequences, context = (int(flags.get(name, FLAGS[name].default or 0)) for name in ("max-num-seqs", "ctx-size"))
    if left <= 0 or cache <= 0:
        return None
    name, was, most = "max-num-seqs", sequences, int(sequences * left / cache)
    if most < 1:
        name, was, most = "ctx-size", context, int(context * left / (cache / sequences)) // 256 * 256
    if most < 1:
        return None
    text = f"{name} {was} needs {needed:.1f} of {have:.1f} GB: at most {most}"
    return Hint(text, (Change(name, at_most=most),))


def _blocks_hint(found: re.Match[str], flags: Mapping[str, Scalar]) -> Hint:
    kind, least, was = found.groups()
    text = f"cache-dtype {kind} works from block-size {least} on (it was {was})"
    return Hint(text, (Change("block-size", at_least=int(least), when=f"cache-dtype == '{kind}'"),))


def _context_hint(found: re.Match[str], flags: Mapping[str, Scalar]) -> Hint:
    least = -(-int(found[1]) // 256) * 256
    return Hint(
        f"a request of {found[1]} tokens met a context of {found[2]}: ctx-size at least {least}",
        (Change("ctx-size", at_least=least),),
    )


_HINTS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Mapping[str, Scalar]], Hint | None]], ...] = (
    (
        re.compile(
            r"memory: weights ([\d.]+) GB, cache ([\d.]+) GB, buffers ([\d.]+) GB\n.*\n"
            r"E out of memory: ([\d.]+) GB needed, ([\d.]+) GB"
        ),
        _memory_hint,
    ),
    (re.compile(r"E unsupported: cache-dtype (\w+) needs block-size >= (\d+), got (\d+)"), _blocks_hint),
    (re.compile(r"W request \d+ refused: (\d+) tokens, context (\d+)"), _context_hint),
)


def _faults(value: Scalar) -> list[str]:
    return [word.strip() for word in str(value).split(",") if word.strip()]


RUNTIME: Runtime = Simulated()
