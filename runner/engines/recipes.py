"""What is known of an engine before it is installed: one TOML file each, its name is the engine's."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UnknownMember, UsageError

HERE = Path(__file__).parent
DEVICES = ("cpu", "cuda", "any")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]*")
"""What a package index takes for a version, and what is harmless as a part of a path."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an engine is installed. `{version}` in a requirement stands for the version that is wanted.

    `first` are packages that come with `arguments` of pip's, from an index of their own, before all others and without
    what they ask for: no other package is looked for there. `options` of pip's come with the others. `alone` is a
    package whose own list of dependencies is wrong: it is installed without them, and what it asks for besides, but
    for `without`. `python` are the first and the last version of Python that it runs on. Bytes are what it takes on
    the disk, and what passes the network besides.
    """

    name: str
    title: str
    about: str
    runtimes: tuple[str, ...]
    device: str
    version: str
    python: tuple[str, str]
    packages: tuple[str, ...]
    first: tuple[str, ...]
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    alone: str
    without: tuple[str, ...]
    installed_bytes: int
    download_bytes: int
    module: str
    distribution: str

    def requirements(self, version: str) -> tuple[str, ...]:
        return tuple(text.format(version=version) for text in self.packages)

    def runs_on(self, python: tuple[int, int]) -> bool:
        first, last = (tuple(int(part) for part in text.split(".")) for text in self.python)
        return first <= python <= last


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.toml"))


def get(name: str) -> Recipe:
    """The recipe of that name; `-` and `_` are the same. Raises UnknownMember with the near name."""
    spelled, known = name.replace("-", "_").lower(), names()
    if spelled not in known:
        near = difflib.get_close_matches(spelled, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "`tunebook engine list` says more of each"
        raise UnknownMember(f"no engine called {name!r} (known: {', '.join(known)})", hint=hint)
    return _read(HERE / f"{spelled}.toml")


def every() -> list[Recipe]:
    return [get(name) for name in names()]


def wanted(text: str) -> tuple[Recipe, str | None]:
    """The recipe and the version of `NAME` or `NAME==VERSION`. Raises UnknownMember, UsageError."""
    name, equals, version = text.partition("==")
    recipe = get(name.strip())
    version = version.strip()
    if not equals:
        return recipe, None
    if not _VERSION.fullmatch(version):
        raise UsageError(f"{version!r} is no version of {recipe.name}", hint=f"write {recipe.name}=={recipe.version}")
    return recipe, version


def for_runtime(runtime: str, gpus: int) -> list[Recipe]:
    """What can serve a runtime on so many GPUs, the best first. A build for CPUs would leave the GPUs idle."""
    fitting = [one for one in every() if runtime in one.runtimes and not (gpus and one.device == "cpu")]
    return sorted(fitting, key=lambda one: not gpus and one.device == "cuda")


def named(requirement: str) -> str:
    """`Torch_Vision[all]>=1; python_version < "4"` is of torch-vision."""
    found = re.match(r"\s*([A-Za-z0-9._-]+)", requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def _read(path: Path) -> Recipe:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    first, last = table["python"]
    return Recipe(
        name=path.stem,
        title=table["title"],
        about=table["about"],
        runtimes=tuple(table["runtimes"]),
        device=table["device"],
        version=table["version"],
        python=(first, last),
        packages=tuple(table["packages"]),
        first=tuple(table.get("first", ())),
        arguments=tuple(table.get("arguments", ())),
        options=tuple(table.get("options", ())),
        alone=table.get("alone", ""),
        without=tuple(table.get("without", ())),
        installed_bytes=table["installed_bytes"],
        download_bytes=table["download_bytes"],
        module=table["probe"]["module"],
        distribution=table["probe"]["distribution"],
    )
