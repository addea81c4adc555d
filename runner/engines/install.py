"""Install an engine into an environment of its own. `plan` says what would be done, `install` does it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

from runner.domain.units import format_size
from runner.engines import _pip
from runner.engines.environments import NOTE, Environment, folder_of, locked, log_of, note_of, read
from runner.engines.recipes import Recipe, named
from runner.errors import Interrupted, NoSpace, NotReady
from runner.events import emit
from runner.util import environment, process
from runner.util.clock import utc_now
from runner.util.files import atomic_write, disk_errors, fsync_folder

QUIET = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
REQUIREMENTS, FIRST = "requirements.txt", "first.txt"
WAIT_EVERY, TELL_EVERY = 0.25, 10.0

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """`what` is for people; `argv` is run as it stands."""

    what: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an installation does, in order, and what it takes. `after_download` are the steps that follow once the
    list of requirements has been read out of the wheel that was fetched alone."""

    recipe: Recipe
    version: str
    folder: Path
    python: str
    steps: tuple[Step, ...]
    after_download: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.recipe.title} {self.version}"

    @property
    def needs(self) -> int:
        """Bytes: the environment, and what is fetched for it, which lies beside it until it is installed."""
        return self.recipe.installed_bytes + self.recipe.download_bytes

    def lines(self) -> list[str]:
        """For `--dry-run`: every command, in a form that a shell takes."""
        if is_there(self.folder):
            return [f"{self.title} is installed already in {self.folder}: there is nothing to do"]
        free = format_size(free_bytes(self.folder))
        told = [
            f"{self.title}: {self.recipe.about}",
            f"folder: {self.folder}",
            f"size: about {format_size(self.recipe.installed_bytes)}, and {format_size(self.recipe.download_bytes)} "
            f"while it is fetched; {free} are free there",
            *(shlex.join(step.argv) for step in self.steps),
        ]
        if self.after_download:
            left_out = ", ".join(self.recipe.without) or "nothing"
            told.append(f"# {self.folder / REQUIREMENTS}: what the fetched wheel asks for, left out: {left_out}")
            told += [shlex.join(step.argv) for step in self.after_download]
        return told


def plan(recipe: Recipe, version: str | None, python: str | None) -> Plan:
    """`version` None: the recipe's own. `python` None: the one that we run on. Raises NotReady for a Python that the
    engine does not run on, or that can not be run."""
    chosen = version or recipe.version
    folder = folder_of(recipe.name, chosen)
    interpreter = sys.executable if python is None else _absolute(python)
    number = _python_version(interpreter)
    if not recipe.runs_on((number[0], number[1])) and not is_there(folder):
        what = f"{recipe.title} needs Python {recipe.python[0]} to {recipe.python[1]}, {interpreter} is "
        hint = f"name another: tunebook engine install {recipe.name} --python /path/to/python{recipe.python[1]}"
        raise NotReady(what + ".".join(map(str, number)), hint=hint)
    pip = (str(folder / "bin" / "python"), "-m", "pip")
    more = (*recipe.options, *recipe.requirements(chosen))
    make = Step("making the environment", (interpreter, "-m", "venv", str(folder)))
    before = Step("pip install", (*pip, "install", *QUIET, *recipe.arguments, "--no-deps"))
    if not recipe.alone:
        firsts = tuple(one for one in recipe.requirements(chosen) if named(one) in recipe.first)
        first = (Step(before.what, (*before.argv, *firsts)),) if firsts else ()
        return Plan(
            recipe, chosen, folder, interpreter, (make, *first, Step("pip install", (*pip, "install", *QUIET, *more)))
        )
    alone, wheels = recipe.alone.format(version=chosen), folder / "wheels"
    fetch = (*pip, "download", *QUIET, "--no-deps", "--only-binary", ":all:", "-d", str(wheels), alone)
    listed = [Step(before.what, (*before.argv, "-r", str(folder / FIRST)))] if recipe.first else []
    listed.append(Step("pip install", (*pip, "install", *QUIET, "-r", str(folder / REQUIREMENTS), *more)))
    last = (*pip, "install", *QUIET, "--no-index", "--no-deps", "--find-links", str(wheels), alone)
    return Plan(
        recipe, chosen, folder, interpreter,
        (make, Step("pip download", fetch)), (*listed, Step("pip install", last)),
    )  # fmt: skip


def install(wanted: Plan, should_stop: Stop = lambda: False) -> tuple[Environment, bool]:
    """Do it, unless it is there: the environment, and whether it was made now. A folder that a killed install left is
    removed first, and what that install left running is ended; a folder of ours that failed is removed at once.

    Raises NoSpace, NetworkError, NotReady, HashMismatch, Unwritable, Interrupted.
    """
    with _alone(wanted, should_stop):
        there = read(wanted.folder)
        if there is not None and there.works:
            return there, False
        _clear(wanted.folder)
        refuse_without_space(wanted)
        try:
            return _made(wanted, should_stop), True
        except BaseException:
            shutil.rmtree(wanted.folder, ignore_errors=True)
            raise


def is_there(folder: Path) -> bool:
    """Whether a whole environment lies there, whose Python runs."""
    there = read(folder)
    return there is not None and there.works


def refuse_without_space(wanted: Plan) -> None:
    """Raises NoSpace when the disk has less room than the engine takes."""
    free = free_bytes(wanted.folder)
    if free < wanted.needs:
        what = f"{wanted.title} takes about {format_size(wanted.needs)} until it is installed"
        hint = "free some space, or choose another disk with TUNEBOOK_CACHE"
        raise NoSpace(f"{what}, and {format_size(free)} are free on the disk of {wanted.folder}", hint=hint)


def free_bytes(folder: Path) -> int:
    """On the disk that the folder will lie on."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def label_of(folder: Path) -> str:
    """Every process of an installation carries it, so that the next can end what a killed one left at work."""
    return f"engine:{folder}"


@contextmanager
def _alone(wanted: Plan, should_stop: Stop) -> Iterator[None]:
    """Hold the environment's lock; tell of the wait for another process that has it."""
    told_at = float("-inf")

    def wait() -> bool:
        nonlocal told_at
        if time.monotonic() - told_at >= TELL_EVERY:
            told_at = time.monotonic()
            emit("engine_waiting", engine=wanted.recipe.name, version=wanted.version)
        time.sleep(WAIT_EVERY)
        return not should_stop()

    try:
        with locked(wanted.folder, wait):
            yield
    except BlockingIOError:
        raise Interrupted("interrupted; another process was installing the same") from None


def _clear(folder: Path) -> None:
    """What is in the way: of a killed install, or an environment whose Python is gone."""
    process.end_labelled(label_of(folder), _pip.GRACE)
    if folder.exists():
        with disk_errors(folder, "TUNEBOOK_CACHE"):
            (folder / NOTE).unlink(missing_ok=True)
            shutil.rmtree(folder)


def _made(wanted: Plan, should_stop: Stop) -> Environment:
    started = time.monotonic()
    recipe, folder, log = wanted.recipe, wanted.folder, log_of(wanted.recipe.name, wanted.version)
    named = {"engine": recipe.name, "version": wanted.version, "folder": str(folder)}
    emit("engine_started", title=wanted.title, bytes=wanted.needs, **named)

    def tell(doing: str) -> None:
        emit("engine_progress", doing=doing, seconds=round(time.monotonic() - started, 1), **named)

    with disk_errors(folder, "TUNEBOOK_CACHE"):
        folder.mkdir(parents=True)
        log.parent.mkdir(exist_ok=True)
        log.write_text(f"{wanted.title}, {utc_now()}\n", encoding="utf-8")
        for step in wanted.steps:
            _pip.run(step.argv, folder, log, step.what, label_of(folder), tell, should_stop)
        if recipe.alone:
            write_requirements(folder, recipe)
        for step in wanted.after_download:
            _pip.run(step.argv, folder, log, step.what, label_of(folder), tell, should_stop)
        tell("looking at what was installed")
        python = folder / "bin" / "python"
        found = _pip.probe(python, recipe.module, recipe.distribution)
        if found is None:
            what = f"{wanted.title} was installed and is not whole: no module {recipe.module}"
            raise NotReady(what, hint=f"all that was said stands in {log}")
        for spent in ("tmp", "wheels"):
            shutil.rmtree(folder / spent, ignore_errors=True)
        made = Environment(
            name=recipe.name,
            version=wanted.version,
            folder=folder,
            python_version=".".join(map(str, _python_version(str(python)))),
            bytes=_pip.disk_use(folder),
            installed_utc=utc_now(),
            seconds=round(time.monotonic() - started, 1),
            lock=_pip.packages(python),
        )
        atomic_write(folder / NOTE, json.dumps(note_of(made), indent=1) + "\n")
        fsync_folder(folder.parent)
    emit("engine_ended", bytes=made.bytes, seconds=made.seconds, packages=len(made.lock), **named)
    return made


def write_requirements(folder: Path, recipe: Recipe) -> None:
    """What the wheel in `wheels` asks for, without its extras and without what the recipe leaves out."""
    [wheel] = sorted((folder / "wheels").glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", one)]
        asked = message_from_bytes(archive.read(name)).get_all("Requires-Dist", [])
    kept = [line for line in asked if not re.search(r";.*\bextra\s*==", line) and named(line) not in recipe.without]
    for name, lines in (
        (REQUIREMENTS, kept),
        (FIRST, [line for line in kept if named(line) in recipe.first]),
    ):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _absolute(python: str) -> str:
    """Where an interpreter lies that may be named as a shell takes it. Raises NotReady."""
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise NotReady(f"no Python at {python}", hint="name an interpreter that can be run: --python PATH")
    return os.path.abspath(found)  # noqa: PTH100  (it may be a link, and is another Python where that leads)


def _python_version(python: str) -> tuple[int, int, int]:
    if python == sys.executable:
        return sys.version_info[:3]
    code = "import sys; print(*sys.version_info[:3])"
    try:
        done = process.run([python, "-c", code], timeout=60, env=environment.for_installer())
    except OSError as error:
        raise NotReady(f"{python} can not be run: {error.strerror}", hint="name another: --python PATH") from error
    words = done.stdout.split()
    if not done.ok or len(words) != 3 or not all(word.isdecimal() for word in words):
        raise NotReady(f"{python} is no Python that runs", hint="name another: --python PATH")
    return int(words[0]), int(words[1]), int(words[2])
