"""What attempts of drivers elsewhere left on this machine: `<cache>/away/<key>`, see `runner.flight.there`.

A record waits there until its driver has it. Only a copy of what is sealed in the results folder at hand is of no more
use; everything else is the only one that we know of, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from runner.clean.caches import remove
from runner.clean.in_use import Held
from runner.clean.items import Item, Taken, children, measure
from runner.flight.there import FOLDER
from runner.running_file import read_running, runner_lives, running_folder
from runner.store.record import UNFINISHED, manifest_sha256, record_folders, records_folder, verify_record
from runner.util.project import cache_folder

_KEY = re.compile(r"[0-9a-f]{16}")
WAITS = "its driver has not said that it has it: run that campaign again, or name its results with --results"


def homes() -> list[Path]:
    """The results folders of this machine for drivers elsewhere."""
    return [path for path in children(cache_folder() / FOLDER) if path.is_dir() and _KEY.fullmatch(path.name)]


def travelled(results: Path, held: Held) -> Iterator[Item]:
    """Records that came from there and are sealed in `results`, those that wait, and folders with nothing in them."""
    for home in homes():
        lives = _lives(home)
        for path in record_folders(home):
            used = lives or held.by(path) or ("" if _is_here(path, results) else WAITS)
            what = f"record of a driver elsewhere, {path.name}"
            yield Item("leftovers", what, path, *measure(path), partial(_forget, path, results), used)
        if not record_folders(home) and not any(records_folder(home).glob(f"{UNFINISHED}*")):
            used = lives or held.by(home)
            what = f"empty folder of a driver elsewhere, {home.name}"
            yield Item("leftovers", what, home, *measure(home), partial(_empty, home), used)


def _lives(home: Path) -> str:
    """The first attempt there that is at work, or whose host we can not ask."""
    for facts in read_running(home):
        if runner_lives(facts) is not False:
            return f"an attempt of {facts.get('campaign', '?')} runs (process {facts['pid']} on {facts['host']})"
    return ""


def _is_here(path: Path, results: Path) -> bool:
    """The same record, whole, among the sealed ones."""
    here = records_folder(results) / path.name
    try:
        return manifest_sha256(here) == manifest_sha256(path) and not verify_record(here)
    except OSError:
        return False


def _forget(path: Path, results: Path) -> Taken:
    if not _is_here(path, results):
        return Taken(left=(WAITS,))
    remove(path)
    return Taken()


def _empty(home: Path) -> Taken:
    """Folder by folder, each only if nothing is in it: an attempt that begins meanwhile keeps its own."""
    for folder in (records_folder(home), running_folder(home), home):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return Taken(left=(f"{folder.name} is not empty",))
    return Taken()
