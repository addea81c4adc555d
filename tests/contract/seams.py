"""Every seam of the product, found where it is defined: a `Folder` in the package of a folder of members.

What all seams promise is checked by functions here, so that `test_suites_can_fail` can hand them a broken member.
"""

from __future__ import annotations

import inspect
import pkgutil
import typing
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from runner.util.plugins import Folder


def packages(root: str) -> Iterator[str]:
    """The dotted name of every package below `root`."""
    yield root
    for found in pkgutil.iter_modules(import_module(root).__path__, f"{root}."):
        if found.ispkg:
            yield from packages(found.name)


def seams() -> dict[str, Folder[Any]]:
    """Package -> its folder of members."""
    found: dict[str, Folder[Any]] = {}
    for root in ("runner", "report"):
        for package in packages(root):
            for value in vars(import_module(package)).values():
                if isinstance(value, Folder) and value.package == package:
                    found[package] = value
    return found


SEAMS = seams()
MEMBERS = [(package, name) for package, folder in SEAMS.items() for name in folder.names()]


def module_of(package: str, name: str) -> ModuleType:
    return import_module(f"{package}.{name.replace('-', '_')}")


def protocol(package: str) -> type:
    """What the members of a seam are: the class that its constant is annotated with."""
    kind: type = typing.get_type_hints(module_of(package, SEAMS[package].names()[0]))[SEAMS[package].constant]
    return kind


def check_annotated(module: ModuleType, constant: str, kind: type) -> None:
    """Without the annotation mypy checks nothing of the member."""
    assert typing.get_type_hints(module).get(constant) is kind, f"{module.__name__}: write {constant}: {kind.__name__}"


def check_whole(member: object, kind: type) -> None:
    """Everything the protocol asks for is there, and is called as it says."""
    for name in typing.get_type_hints(kind):
        assert hasattr(member, name), f"lacks {name}"
    for name, wanted in vars(kind).items():
        if name.startswith("_") or not inspect.isfunction(wanted):
            continue
        assert callable(getattr(member, name, None)), f"lacks {name}()"
        given = inspect.signature(getattr(member, name)).parameters
        assert list(given) == list(inspect.signature(wanted).parameters)[1:], f"{name}() takes other arguments"


def check_named(member: object, name: str) -> None:
    """A member that has a name has the one of its file: it is what stands in campaigns and records."""
    assert getattr(member, "name", name) == name
