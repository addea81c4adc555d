"""Cross-checks and old stores of a results folder, and what killed processes left in it and beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from runner.clean.caches import remove
from runner.clean.in_use import Held
from runner.clean.items import Item, children, measure
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
    for one in (folder, folder / FOLDER):
        yield from _attempts(one)
        yield from _unfinished(one)
        for path in children(running_folder(one)):
            if path.suffix == ".lock" and (owner := read_owner(path)) and runner_lives(owner) is False:
                used = "a process holds it" if procfs.lock_holders(path) else ""
                yield _item("leftovers", f"lock of {owner['campaign']}, whose run is dead", path, used)
    for path in (p for p in children(folder) if p.name.startswith(".") and p.suffix == ".part"):
        used = "another process writes it" if procfs.lock_holders(path) else held.by(path)
        take = partial(_abandoned, path)
        yield Item("leftovers", f"half of {path.stem.lstrip('.')}", path, *measure(path), take, used)
    dead = _dead_drivers()
    for label in sorted(set(dead)):
        what = f"{dead.count(label)} of a runner that died ({label})"
        yield Item(
            "leftovers", f"containers or pods: {what}", folder, 0, time.time(), partial(sweep, deployers.names())
        )


def _attempts(folder: Path) -> Iterator[Item]:
    for facts in read_running(folder):
        lives = runner_lives(facts)
        if lives is False:
            name, attempt_id = facts.get("campaign", "?"), str(facts["attempt_id"])
            size, changed = measure(scratch_folder(folder, attempt_id))
            yield Item(
                "leftovers", f"attempt of {name}, whose runner died", running_file(folder, attempt_id), size,
                changed or measure(running_file(folder, attempt_id))[1], partial(_reap, folder),
            )  # fmt: skip


def _reap(folder: Path) -> list[str]:
    """All of the folder at once: the first item takes the others with it."""
    return [_told(one) for one in reap(folder)]


def _told(one: Reaped) -> str:
    if one.trouble:
        return f"left: attempt {one.attempt_id} of {one.campaign}: {one.trouble}"
    ended = f", ended {', '.join(one.ended)}" if one.ended else ""
    return f"attempt {one.attempt_id} of {one.campaign} is sealed as interrupted{ended}"


def _unfinished(folder: Path) -> Iterator[Item]:
    for path in children(records_folder(folder)):
        if path.name.startswith(UNFINISHED):
            used = "it is being sealed" if procfs.lock_holders(path) else ""
            what = f"unfinished record {path.name.removeprefix(UNFINISHED)}"
            yield Item("leftovers", what, path, *measure(path), partial(_swept, folder), used)


def _swept(folder: Path) -> list[str]:
    sweep_unfinished(folder)
    return []


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


def _abandoned(path: Path) -> list[str]:
    return [] if remove_abandoned(path) or not path.exists() else [f"left: {path} is being made"]


def _item(group: str, what: str, path: Path, used: str) -> Item:
    def take() -> list[str]:
        remove(path)
        return []

    return Item(group, what, path, *measure(path), take, used)
