"""STORY find() and take(): everything that could go, and one of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from runner.clean import caches, leftovers
from runner.clean.in_use import Held, running
from runner.clean.items import Item, Taken
from runner.crosscheck import FOLDER
from runner.errors import AlreadyRunning


def find(groups: Iterable[str], results: Path) -> list[Item]:
    """The items of these groups, in their order, the largest first. Removes nothing."""
    used, held = running((results, results / FOLDER)), Held()
    found: dict[str, Callable[[], Iterable[Item]]] = {
        "models": lambda: caches.models(used, held),
        "engines": lambda: caches.engines(used, held),
        "downloads": lambda: caches.downloads(used, held),
        "results": lambda: leftovers.results(results, used, held),
        "leftovers": lambda: (*caches.half_made(held), *leftovers.leftovers(results, held)),
    }
    return [item for group in groups for item in sorted(found[group](), key=lambda one: (-one.bytes, one.what))]


def take(item: Item, results: Path) -> Taken:
    """Remove one, unless somebody came to use it since it was found: then it stays. The lines are for people.

    Raises Unwritable, NoSpace, StoreError.
    """
    if item.group != "leftovers" and (running((results, results / FOLDER)) or Held().by(item.path)):
        return Taken(left=("somebody uses it now",))
    try:
        return item.take()
    except AlreadyRunning as error:
        return Taken(left=(error.what,))
    except FileNotFoundError:
        return Taken()  # gone meanwhile
