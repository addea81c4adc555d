"""SEAM: inference engines. A member answers six questions and knows nothing of where the engine runs.

Adding an engine is one new file (or one small package when it has tables): `RUNTIME: Runtime = MyEngine()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Failure, Hint
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.hardware import HostFacts
from runner.domain.parameters import Point, Scalar, Values
from runner.domain.trial import Configuration, Diagnosis, EngineFacts, Exit, Launch, Placement
from runner.errors import Problem
from runner.space.abstract import NONE, Abstract
from runner.space.resolve import resolve
from runner.space.rules import Table
from runner.util.plugins import Folder


class Runtime(Protocol):
    name: str
    title: str  # for people: "llama.cpp"
    needs_file: bool  # it loads a model file of this machine and can not take a hub id

    def check(self, entry: Entry) -> list[Problem]:
        """Problems of an entry that need no hardware: unknown flag, wrong type, missing option. `tunebook check`
        shows them; `where` is filled in by the caller."""
        ...

    def needs(self, entry: Entry) -> list[Problem]:
        """What this machine lacks to run the entry locally: engine package absent, binary not found (slug
        `engine-missing`). Empty = ready."""
        ...

    def reject(
        self, configuration: Configuration, campaign: Campaign, ground: Ground = NOTHING_KNOWN
    ) -> tuple[str, str] | None:
        """Pre-check: (rule, reason with numbers) when the configuration can not work, else None. Pure. `ground` is what
        is known of model and machine; what it does not hold is no reason."""
        ...

    def launch(self, configuration: Configuration, entry: Entry, placement: Placement) -> Launch:
        """The effective command. Pure: same arguments, same launch; only strings in argv."""
        ...

    def diagnose(self, log: str, exit: Exit | None, entry: Entry) -> Diagnosis | None:
        """Cause and evidence from the engine's log (its first and last parts) and the exit (None: it still runs).
        None when nothing known stands there."""
        ...

    def facts(self, base_url: str, log: str) -> EngineFacts:
        """Ask the live server for its version, build and effective settings."""
        ...

    def counters(self, base_url: str) -> Mapping[str, float]:
        """The engine's own counters now (empty when it has none); the difference over a level is recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """The machine on which a configuration failed. `memory_free` is what new processes could have had right after
    the engine's end (bytes), None where the system does not say."""

    host: HostFacts
    memory_free: int | None


@runtime_checkable
class Advisor(Protocol):
    """What a runtime may have beside the six questions: what to do about a failure, with numbers of its own log."""

    def hint(self, failure: Failure, configuration: Configuration, log: str, room: Room) -> Hint | None:
        """Called when an attempt has failed, with the text that `diagnose` got. Pure. None: nothing to say that the
        general advice of `runner.scoring.hints` does not say. A number is computed or left out, never guessed."""
        ...


@runtime_checkable
class Translator(Protocol):
    """What a runtime may have beside the six questions: a table of the settings that engines share."""

    abstract: Abstract


def abstract_of(name: str) -> Abstract:
    """The table of a runtime, an empty one where it has none. Raises UnknownMember."""
    runtime = runtimes.get(name)
    return runtime.abstract if isinstance(runtime, Translator) else NONE


@runtime_checkable
class Switches(Protocol):
    """What a runtime may say beside: which flags its command line has."""

    def spoken(self, flags: Values, entry: Entry) -> dict[str, Scalar]:
        """`flags` without those that leave the entry's command line as it is, such as a switch that is false. Pure."""
        ...


def configuration(entry: Entry, point: Point) -> Configuration:
    """What the entry's engine gets at `point`, as its runtime says it. Raises UnknownMember, and ValueError as
    `resolve` does."""
    runtime = runtimes.get(entry.runtime)
    spoken = partial(runtime.spoken, entry=entry) if isinstance(runtime, Switches) else dict
    return resolve(entry, point, abstract_of(entry.runtime), spoken)


@runtime_checkable
class Ruled(Protocol):
    """What a runtime may have beside: its pre-check as data, which its `reject` reads, so that others can see what each
    rule predicts and what the memory formula says."""

    rules: Table


def rules_of(name: str) -> Table:
    """The rules of a runtime, an empty table where it has none. Raises UnknownMember."""
    runtime = runtimes.get(name)
    return runtime.rules if isinstance(runtime, Ruled) else Table()


@runtime_checkable
class FolderOnly(Protocol):
    """What a runtime may say beside: it loads a Hugging Face folder or a hub id and no GGUF file. Such a file is then
    converted once, by the interpreter of the entry (`runner.models.convert`), and `Placement.model_path` is a folder.
    """

    needs_folder: bool


def needs_folder(runtime: str) -> bool:
    """Whether the engine of this name loads folders only."""
    member = runtimes.get(runtime)
    return isinstance(member, FolderOnly) and member.needs_folder


@runtime_checkable
class OfTheHub(Protocol):
    """What a runtime may say beside: it finds a hub id in the hub's cache (HF_HOME), and asks the hub for the rest
    unless HF_HUB_OFFLINE is set."""

    loads_hub: bool


def loads_hub(runtime: str) -> bool:
    """Whether the engine of this name resolves hub ids with the hub's own library."""
    member = runtimes.get(runtime)
    return isinstance(member, OfTheHub) and member.loads_hub


runtimes: Folder[Runtime] = Folder(__name__, "RUNTIME", "runtime", advice="`command` runs any OpenAI-compatible server")
