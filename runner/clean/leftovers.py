"""Cross-checks and old stores of a results folder, and what killed processes left in it and beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from runner.clean.away import homes as away_homes
from runner.clean.away import travelled
from runner.clean.caches import half_goes, remove
from runner.clean.in_use import Held
from runner.clean.items import Item, Taken, children, measure
from runner.crosscheck import FOLDER
from runner.deployers import deployers
from runner.lineage_lock import read_owner
from runner.reap import Reaped, reap, sweep
from runner.running_file import driver_lives, read_running, runner_lives, running_file, running_folder, scratch_folder
from runner.store.record import UNFINISHED, records_folder, sweep_unfinished
from runner.util import procfs
from runner.util.files import remove_abandoned

OLD_STORE = "store.duckdb.old"


def results(folder: Path, used: str, held: Held) -> Iterator[Item]:
    """What lies beside the records and can go: nothing is published from it."""
    for path in (*children(folder / FOLDER / "records"), folder / OLD_STORE, folder / "site-source"):
        if path.exists() and not path.is_symlink():
            what = {OLD_STORE: "store before its rebuild", "site-source": "sources of the last site"}.get(
                path.name, f"cross-check {path.name}"
            )
            yield _item("results", what, path, used or held.by(path))


def leftovers(folder: Path, held: Held) -> Iterator[Item]:
    """Attempts whose runner died, containers of dead runners, unfinished records, files in the making, locks."""
    for one in (folder, folder / FOLDER, *away_homes()):
        yield from _attempts(one)
        yield from _unfinished(one)
        for path in children(running_folder(one)):
            if path.suffix == ".lock" and (owner := read_owner(path)) and runner_lives(owner) is False:
                used = "a process holds it" if procfs.lock_holders(path) else ""
                what = f"lock of {owner['campaign']}, whose run is dead"
                yield Item("leftovers", what, path, *measure(path), partial(_unlocked, path), used)
    for path in (p for p in children(folder) if p.name.startswith(".") and p.suffix == ".part"):
        used = "another process writes it" if procfs.lock_holders(path) else held.by(path)
        take = partial(half_goes, path)
        yield Item("leftovers", f"half of {path.stem.lstrip('.')}", path, *measure(path), take, used)
    yield from travelled(folder, held)
    dead = _dead_drivers()
    for label in sorted(set(dead)):
        what = f"{dead.count(label)} of a runner that died ({label})"
        yield Item("leftovers", f"containers or pods: {what}", folder, 0, time.time(), _swept_containers)


def _attempts(folder: Path) -> Iterator[Item]:
    for facts in read_running(folder):
        lives = runner_lives(facts)
        if lives is False:
            name, attempt_id = facts.get("campaign", "?"), str(facts["attempt_id"])
            size, changed = measure(scratch_folder(folder, attempt_id))
            yield Item(
                "leftovers", f"attempt of {name}, whose runner died", running_file(folder, attempt_id), size,
                changed or measure(running_file(folder, attempt_id))[1], partial(_reap, folder, attempt_id),
            )  # fmt: skip


def _reap(folder: Path, attempt_id: str) -> Taken:
    """All of the folder at once: the first item takes the others with it. One that stays is told with its own item."""
    done = list(reap(folder))
    told = tuple(_told(one) for one in done if not one.trouble)
    return Taken(told, tuple(str(one.trouble) for one in done if one.trouble and one.attempt_id == attempt_id))


def _told(one: Reaped) -> str:
    ended = f", ended {', '.join(one.ended)}" if one.ended else ""
    return f"attempt {one.attempt_id} of {one.campaign} is sealed as interrupted{ended}"


def _unfinished(folder: Path) -> Iterator[Item]:
    for path in children(records_folder(folder)):
        if path.name.startswith(UNFINISHED):
            used = "it is being sealed" if procfs.lock_holders(path) else ""
            what = f"unfinished record {path.name.removeprefix(UNFINISHED)}"
            yield Item("leftovers", what, path, *measure(path), partial(_swept, folder, path), used)


def _swept(folder: Path, path: Path) -> Taken:
    sweep_unfinished(folder)
    return Taken(left=("it is being sealed",)) if path.exists() else Taken()


def _swept_containers() -> Taken:
    return Taken(tuple(sweep(deployers.names())))


def _unlocked(path: Path) -> Taken:
    """Unlinked while it is held, and only if it still is what lies there: a run that took the lock since it was found
    keeps it, and one that waits for this inode sees that its path is gone."""
    owner = read_owner(path)
    if owner is not None and runner_lives(owner) is not False:
        return Taken(left=("a run holds it now",))
    if not remove_abandoned(path) and path.exists():
        return Taken(left=("a process holds it, or it can not be removed",))
    return Taken()


def _dead_drivers() -> list[str]:
    """Labels of the dead, asked of the deployers with everybody said to live, so that nothing is ended by asking."""
    dead: list[str] = []

    def asked(label: str) -> bool:
        if driver_lives(label) is False:
            dead.append(label)
        return True

    for name in deployers.names():
        deployers.get(name).sweep(asked)
    return dead


def _item(group: str, what: str, path: Path, used: str) -> Item:
    def take() -> Taken:
        remove(path)
        return Taken()

    return Item(group, what, path, *measure(path), take, used)
