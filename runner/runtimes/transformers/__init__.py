"""`transformers serve`, the server of Hugging Face's own library: the reference code of most models, on CPU or GPU.

Read in the source of 5.23.0 and run with it on a CPU; not on a GPU yet. It takes a Hugging Face folder or a hub id and
no GGUF file: `runner.models.convert` makes a folder of one.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.domain.campaign import Campaign, Entry
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Health, Launch, Placement
from runner.errors import Problem
from runner.runtimes import Runtime, _flags, _hub_engine, _rules, _signatures

HERE = Path(__file__).parent
FLAGS = _flags.load(HERE / "flags.toml")
UNSUPPORTED: Mapping[str, str] = tomllib.loads((HERE / "unsupported.toml").read_text(encoding="utf-8"))
RULES = _rules.load(HERE / "rules.toml")
SIGNATURES = _signatures.load(HERE / "signatures.toml")

RESERVED = ("model", "force-model", "host", "port")
PACKAGES = ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai", "pydantic")
"""What `serve` imports. Without accelerate it starts, and can load no model."""

COMMAND = _flags.Flag("serve", "text", since="5.0")
"""In earlier versions the command lies in another module, and preloads no model."""

GO_ON = {"generation_config": json.dumps({"eos_token_id": -1})}
"""What a request says so that no end token ends its answer: a field `ignore_eos` is refused with status 422."""


class Transformers:
    """Options of an entry: `python`, the interpreter that has the packages (ours when left out)."""

    name = "transformers"
    title = "Transformers"
    needs_file = False
    loads_hub = True
    needs_folder = True
    rules = RULES

    def check(self, entry: Entry) -> list[Problem]:
        found = _hub_engine.check(entry, FLAGS, RESERVED, UNSUPPORTED)
        told = _flags.version_of(entry)
        if told is not None and (absence := COMMAND.absence(told)):
            what = f"{entry.name}: the command line that tunebook starts is not there: {absence}"
            found.append(Problem("option-value", what, hint="use a newer Transformers"))
        return found

    def needs(self, entry: Entry) -> list[Problem]:
        return _hub_engine.needs(entry, self.title, PACKAGES, f"run `tunebook engine install {self.name}`")

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        flags = configuration.flags
        if flags.get("continuous-batching") is not True:
            idle = sorted(name for name in flags if name.startswith("cb-"))
            if idle:
                why = f"{', '.join(idle)} does nothing without continuous-batching: true"
                return "needs-continuous-batching", why
        return _rules.refusal(RULES, configuration, campaign, ground)

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        flags = _flags.spell(configuration.flags, FLAGS)

        def command(start: tuple[str, ...], model: str, host: str, port: str) -> tuple[str, ...]:
            return (*start, "serve", model, "--host", host, "--port", port, *flags)

        at = f"@{placement.revision}" if placement.revision else ""  # it has no flag for it
        model = placement.model_path + at
        offline = {"HF_HUB_OFFLINE": "1"} if model.startswith("/") else {}
        return Launch(
            argv=command((placement.python, str(HERE / "launcher.py")), model, placement.host, str(placement.port)),
            env=offline | dict(configuration.env),
            health=Health("/health"),
            portable=command(("transformers",), "$MODEL" + at, "127.0.0.1", "$PORT"),
            served=model,
            ignore_eos=GO_ON,
        )

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        return _signatures.diagnose(log, exit, SIGNATURES)

    def facts(self, base_url: str, log: str) -> EngineFacts:
        """From the first line of our launcher: the server has no route that tells."""
        told = _engine_line(log)
        version, torch = str(told.pop("transformers", None) or "unknown"), told.pop("torch", None)
        settings = {name: value for name, value in told.items() if value is not None}
        return EngineFacts(self.title, version, f"torch {torch}" if torch else "", settings)

    def counters(self, base_url: str) -> Mapping[str, float]:
        return {}  # it has no /metrics


def _engine_line(log: str) -> dict[str, Any]:
    for line in log.splitlines():
        if line.startswith("ENGINE {"):
            try:
                return dict(json.loads(line.removeprefix("ENGINE ")))
            except ValueError:
                return {}
    return {}


RUNTIME: Runtime = Transformers()
