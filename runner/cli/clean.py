"""`tunebook clean`: take away what is not needed any more."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli._options import json_option, results_option

if TYPE_CHECKING:
    from runner.clean.items import Item

NAMES = ("models", "engines", "downloads", "results", "leftovers", "all")


@click.command("clean")
@click.argument("groups", nargs=-1, type=click.Choice(NAMES), metavar="[GROUP]...")
@click.option("--yes", is_flag=True, help="Ask nothing. What is in use stays in any case.")
@click.option("--dry-run", is_flag=True, help="Only list.")
@results_option
@json_option
def command(groups: tuple[str, ...], yes: bool, dry_run: bool, results: Path, as_json: bool) -> None:
    """List what lies in the cache and beside the results, with sizes and age, and remove what you say.

    GROUP is models, engines, downloads, results, leftovers or all; without one each group is listed and asked for.
    What is in use is left alone: all caches while a run of these results is at work, and whatever a living process
    holds. Sealed records, the store, its snapshot and the site are never touched; nor is the cache of the Hugging Face
    hub, which other programs share.

    \b
    tunebook clean                       list everything, ask for each group
    tunebook clean --dry-run             only list
    tunebook clean models leftovers --yes
    """
    from runner.clean.find import find
    from runner.clean.items import GROUPS
    from runner.errors import UsageError

    if yes and not groups:
        raise UsageError("clean --yes does not say what", hint=f"name it: {', '.join(NAMES)}")
    if as_json and not (yes or dry_run):
        raise UsageError("clean --json never asks", hint="add --dry-run to list, or --yes to remove")
    chosen = [name for name in GROUPS if not groups or "all" in groups or name in groups]
    left = False
    for group in chosen:
        items = find([group], results)
        _list(group, items, as_json)
        free = [item for item in items if not item.used]
        if dry_run or not free or not (yes or _asked(group, free)):
            continue
        left |= not _take(free, results, as_json)
    if as_json:
        click.echo(json.dumps({"event": "end", "exit_code": int(left)}))
    if left:
        raise click.exceptions.Exit(1)


def _list(group: str, items: Sequence[Item], as_json: bool) -> None:
    from runner.clean.items import GROUPS
    from runner.domain.units import format_size
    from runner.util.visible import visible_lines

    if as_json:
        for item in items:
            click.echo(json.dumps({"event": "found", **_plain(item), "in_use": item.used or None}))
        return
    total = format_size(sum(item.bytes for item in items)) if items else "nothing"
    click.echo(f"{group}: {total} ({GROUPS[group]})")
    for item in items:
        used = f"  in use: {item.used}" if item.used else ""
        click.echo(visible_lines(f"  {format_size(item.bytes):>9}  {_age(item):>8}  {item.what}{used}"))


def _age(item: Item) -> str:
    """In the largest unit that fits, as `ls` readers want it."""
    import time

    seconds = max(0.0, time.time() - item.modified)
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return f"{seconds:.0f} s"


def _plain(item: Item) -> dict[str, Any]:
    from runner.util.clock import utc_of

    return {
        "group": item.group,
        "what": item.what,
        "path": str(item.path),
        "bytes": item.bytes,
        "modified_utc": utc_of(item.modified),
    }


def _asked(group: str, free: Sequence[Item]) -> bool:
    """Raises UsageError when nobody is there to answer."""
    from runner.domain.units import format_size
    from runner.errors import UsageError

    size = format_size(sum(item.bytes for item in free))
    things = f"{len(free)} thing{'s' if len(free) > 1 else ''}"
    try:
        return click.confirm(f"remove {things} of {group}, {size}?", default=False)
    except click.Abort:
        if sys.stdin.isatty():
            raise  # Ctrl-C
        hint = "add --dry-run to list, or --yes with what to remove"
        raise UsageError("clean asks, and nobody answered: nothing more is removed", hint=hint) from None


def _take(free: Sequence[Item], results: Path, as_json: bool) -> bool:
    """Whether all are gone."""
    from runner.clean.find import take
    from runner.domain.units import format_size
    from runner.util.visible import visible_lines

    gone = 0
    whole = True
    for item in free:
        taken = take(item, results)
        whole &= not taken.left
        gone += 0 if taken.left else item.bytes
        if as_json:
            event = "left" if taken.left else "removed"
            click.echo(json.dumps({"event": event, **_plain(item), "told": [*taken.told, *taken.left]}))
            continue
        for line in taken.left:
            click.echo(visible_lines(f"  left: {item.what}: {line}"), err=True)
        for line in taken.told:
            click.echo(visible_lines(f"  {line}"))
    if not as_json:
        click.echo(f"  {format_size(gone)} are free again")
    return whole


COMMAND: click.Command = command
