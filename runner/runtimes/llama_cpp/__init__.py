"""llama.cpp's HTTP server: the wheel `xllamacpp` under our own launcher, or the program `llama-server`."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Failure, Hint
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar, Values
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Room, Runtime, _flags, _prometheus, _rules, _signatures
from runner.runtimes.llama_cpp import binary, hints
from runner.util import environment, net, process

HERE = Path(__file__).parent
FLAGS = _flags.load(HERE / "flags.toml")
RULES = _rules.load(HERE / "rules.toml")
SIGNATURES = _signatures.load(HERE / "signatures.toml")

OPTIONS = ("python", "version", "image", "binary")
OF_BINARY = ("allow_unknown_flags",)
RESERVED = ("model", "alias", "host", "port")


class LlamaCpp:
    """Options of an entry: `python`, the interpreter that has xllamacpp (ours when left out); or `binary`, the program
    `llama-server` by name or path, which an image of llama.cpp's own need not name."""

    name = "llama_cpp"
    title = "llama.cpp"
    needs_file = True
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        if binary.program_of(entry) is not None:
            return binary.check(entry, RESERVED) + _flags.unknown_options(entry, (*OPTIONS, *OF_BINARY))
        found = _flags.problems(entry, FLAGS, RESERVED) + _flags.unknown_options(entry, OPTIONS)
        python = entry.options.get("python")
        if python is not None and not isinstance(python, str):
            found.append(Problem("option-value", f"{entry.name}: option 'python' is no text: {python!r}"))
        return found

    def needs(self, entry: Entry) -> list[Problem]:
        if (program := binary.program_of(entry)) is not None:
            return binary.needs(entry, program)
        python = entry.options.get("python")
        if not python:
            if importlib.util.find_spec("xllamacpp") is not None:
                return []
            return [_missing("this Python", "run `tunebook engine install llama_cpp`")]
        if not os.access(python, os.X_OK):
            what = f"{entry.name}: no interpreter at {python}"
            return [Problem("engine-missing", what, hint="correct `python:` of the runtime, or leave it out")]
        probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('xllamacpp') is None)"
        if process.run([python, "-c", probe], timeout=60, env=environment.for_engine()).ok:
            return []
        return [_missing(python, f"{python} -m pip install xllamacpp")]

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
        build = binary.build_of(entry) if entry is not None else None
        ours = {"own_slots": _own_slots(configuration, campaign)}
        return _rules.refusal(RULES, configuration, campaign, ground, build, ours)

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        program = binary.program_of(entry)
        start: tuple[str, ...] = (placement.python, str(HERE / "launcher.py"))
        others: tuple[str, ...] = ("python", "-m", f"{__name__}.launcher")
        given, env = dict(configuration.flags), dict(configuration.env)
        if placement.cpus and not given.get("threads"):
            # The program counts all cores of the machine, whatever it is pinned to, and its threads wait in loops.
            given["threads"] = len(placement.cpus)
        flags = _flags.spell(given)
        if program is not None:
            start, others = (program,), (binary.portable(entry, program),)
            flags = binary.words(given)
            env = {"GGML_NO_BACKTRACE": "1", **env}  # an abort would start a debugger first: seconds, and a child

        def command(start: tuple[str, ...], model: str, host: str, port: str) -> tuple[str, ...]:
            place = ("--model", model, "--alias", placement.served_model, "--host", host, "--port", port)
            return (*start, *place, *flags)

        return Launch(
            argv=command(start, placement.model_path, placement.host, str(placement.port)),
            env=env,
            health=Health("/health"),
            portable=command(others, "$MODEL", "127.0.0.1", "$PORT"),
        )

    def spoken(self, flags: Values, entry: Entry) -> dict[str, Scalar]:
        return dict(flags) if binary.program_of(entry) is None else binary.spoken(flags)

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def hint(self, failure: Failure, configuration: Configuration, log: str, room: Room) -> Hint | None:
        return hints.hint(failure, configuration.flags, log, room)

    def facts(self, base_url: str, log: str) -> EngineFacts:
        ready = _ready_line(log)
        version, build = str(ready.pop("version", "unknown")), str(ready.pop("build", ""))
        settings = {name: ready[name] for name in ("python", "OMP_WAIT_POLICY") if name in ready}
        props = _props(base_url)
        if not ready and "build_info" in props:  # the program: `b10434-7e4c0a9`
            version, _, build = str(props["build_info"]).partition("-")
        return EngineFacts(self.title, version, build, settings | props)

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(base_url)


def _own_slots(configuration: Configuration, campaign: Campaign) -> bool:
    """The program makes slots of its own, which share one cache, when nobody says how many it shall have."""
    entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
    return entry is not None and binary.program_of(entry) is not None and "parallel" not in configuration.flags


def _missing(where: str, hint: str) -> Problem:
    return Problem("engine-missing", f"llama.cpp is not installed: {where} has no package xllamacpp", hint=hint)


def _ready_line(log: str) -> dict[str, Any]:
    for line in log.splitlines():
        if line.startswith("READY {"):
            try:
                return dict(json.loads(line.removeprefix("READY ")))
            except ValueError:
                return {}
    return {}


def _props(base_url: str) -> dict[str, Any]:
    """Effective settings: slots, context of a slot, model format. The build number too, where the engine says it."""
    try:
        status, body = net.get(f"{base_url}/props", 5.0)
        props = json.loads(body) if status == 200 else {}
    except (net.NoAnswer, ValueError):
        return {}
    found = {name: props[name] for name in ("total_slots", "model_ftype", "build_info") if name in props}
    context = props.get("default_generation_settings", {}).get("n_ctx")
    return found | ({"n_ctx_slot": context} if context is not None else {})


RUNTIME: Runtime = LlamaCpp()
