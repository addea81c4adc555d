"""Any server with OpenAI's HTTP interface, started by a command line of the campaign.

runtime: command
command: ["my-server", "--model", "{model}", "--port", "{port}", "{flags}"]
health: /health
signatures: [{pattern: "CUDA out of memory", cause: oom_load, phase: load}]
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Phase
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Runtime, _flags, _prometheus, _signatures, _template
from runner.util import net

OPTIONS = ("command", "health", "signatures", "booleans", "python", "image")
BOOLEANS = ("pair", "switch", "value")
"""How a flag that is true or false is written: `--x` and `--no-x`; `--x` and nothing; `--x true` and `--x false`."""


class Command:
    name = "command"
    title = "Command template"
    needs_file = False

    def check(self, entry: Entry) -> list[Problem]:
        """Flags are the server's own business; the template, the patterns and the option names are ours."""
        found = _flags.unknown_options(entry, OPTIONS)
        if not entry.options.get("command"):  # an attached server needs none: the campaign's own check knows
            hint = "write the command line of the server, with {port}"
            found.append(Problem("command-missing", f"{entry.name}: the option 'command' is missing", hint=hint))
        found += [Problem("command-template", f"{entry.name}: {what}", hint=hint) for what, hint in _command(entry)]
        if entry.options.get("booleans", "pair") not in BOOLEANS:
            hint = f"one of {', '.join(BOOLEANS)}"
            found.append(Problem("option-value", f"{entry.name}: option 'booleans' is not known", hint=hint))
        if not _health(entry).path.startswith("/"):
            found.append(Problem("option-value", f"{entry.name}: the health path must start with /"))
        return found + _signature_problems(entry)

    def needs(self, entry: Entry) -> list[Problem]:
        try:
            program = _template.words(entry.options["command"])[0]
        except (KeyError, ValueError, IndexError):
            return []  # the check says so
        if "{" in program or shutil.which(program) or os.access(program, os.X_OK):
            return []
        what = f"{entry.name}: no program {program!r} on this machine"
        return [Problem("engine-missing", what, hint="install it, or write its whole path in `command:`")]

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        """Nothing is known of this engine's limits: write them as `where:`."""
        if campaign.model.revision is None:
            return None
        entry = next((one for one in campaign.entries if one.name == configuration.entry), None)
        template = _template.words(entry.options.get("command", [])) if entry else []  # none for an attached server
        if not template or any("{revision}" in word for word in template):
            return None
        reason = f"the command has no {{revision}}, and the model is wanted at {campaign.model.revision}"
        return "revision-not-passed", reason

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        template = _template.words(entry.options.get("command", []))  # none when the server is attached
        flags = _spell(configuration.flags, entry.options.get("booleans", "pair"))
        here = {
            "port": str(placement.port),
            "host": placement.host,
            "model": placement.model_path,
            "revision": placement.revision or "",
            "served_model": placement.served_model,
            "python": placement.python,
        }
        elsewhere = here | {"port": "$PORT", "host": "127.0.0.1", "model": "$MODEL", "python": "python"}
        return Launch(
            argv=_template.fill(template, here, flags),
            env=dict(configuration.env),
            health=_health(entry),
            portable=_template.fill(template, elsewhere, flags),
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        rows = tuple(_signatures.signature(row) for row in _rows(entry))
        return _signatures.diagnose(log, exit, _signatures.Table(rows))

    def facts(self, base_url: str, log: str) -> EngineFacts:
        """Many servers answer `/version`; without one the version is unknown, and said to be."""
        try:
            status, body = net.get(f"{base_url}/version", 5.0)
            answer = json.loads(body) if status == 200 else {}
        except (net.NoAnswer, ValueError):
            answer = {}
        version = answer.get("version", "unknown") if isinstance(answer, dict) else "unknown"
        return EngineFacts(self.name, str(version))

    def counters(self, base_url: str) -> Mapping[str, float]:
        return _prometheus.counters(base_url)


def _command(entry: Entry) -> list[tuple[str, str]]:
    command = entry.options.get("command")
    if not command:
        return []
    if not isinstance(command, str | list | tuple):
        return [("the option 'command' is neither text nor a list", "write it as a list of words")]
    if not isinstance(command, str) and not all(isinstance(word, str) for word in command):
        return [("a word of 'command' is no text", "put numbers in quotes")]
    try:
        return _template.complaints(_template.words(command))
    except ValueError as error:
        return [(f"the command can not be split into words: {error}", "close the quote, or write a list")]


def _health(entry: Entry) -> Health:
    given = entry.options.get("health", "/health")
    return Health(str(given.get("path", "/health") if isinstance(given, Mapping) else given))


def _spell(flags: Mapping[str, Scalar], booleans: str) -> tuple[str, ...]:
    if booleans == "pair":
        return _flags.spell(flags)
    spelled: dict[str, Scalar] = dict(flags)
    for name, value in flags.items():
        if isinstance(value, bool):
            if booleans == "value":
                spelled[name] = "true" if value else "false"
            elif not value:
                del spelled[name]
    return _flags.spell(spelled)


def _rows(entry: Entry) -> list[Mapping[str, Any]]:
    """`signatures` is a list of rows, or a mapping of pattern to cause."""
    given = entry.options.get("signatures") or []
    if isinstance(given, Mapping):
        return [{"pattern": pattern, "cause": cause} for pattern, cause in given.items()]
    return list(given)


def _signature_problems(entry: Entry) -> list[Problem]:
    found = []
    for number, row in enumerate(_rows(entry), start=1):
        try:
            _signatures.signature(row)
        except (KeyError, TypeError):
            hint = "write {pattern: ..., cause: ..., phase: ...}"
            found.append(Problem("signature", f"{entry.name}: signature {number} needs pattern and cause", hint=hint))
        except re.error as error:
            found.append(Problem("signature", f"{entry.name}: signature {number} is no regular expression: {error}"))
        except ValueError as error:
            hint = f"causes: {', '.join(_signatures.CAUSES)}; phases: {', '.join(Phase)}"
            found.append(Problem("signature", f"{entry.name}: signature {number}: {error}", hint=hint))
    return found


RUNTIME: Runtime = Command()
