"""`tunebook preflight`: what this machine has for tunebook, and what it lacks."""

from __future__ import annotations

import json

import click


@click.command("preflight")
@click.option("--require", multiple=True, metavar="NAME,...", help="What must be there: else exit status 4.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to list it."
)
def command(require: tuple[str, ...], form: str) -> None:
    """List what this machine has and lacks, with the remedy for each: GPUs, Docker, engines, load generators.

    NAME is one of gpu, cuda, rocm, metal, docker, kubernetes, ome, genai-bench, llama-cpp, engines. Starts nothing and
    changes nothing.
    Exit status 0, or 4 when something that --require names is not there.

    \b
    tunebook preflight --require gpu,docker --format json
    """
    from runner.errors import NotReady
    from runner.machine import as_plain, as_text, look, wanted
    from runner.util.redact import redact
    from runner.util.visible import visible_lines

    names = wanted(require)
    machine = look()
    text = json.dumps(as_plain(machine, names)) if form == "json" else visible_lines(as_text(machine))
    click.echo(redact(text))
    lacking = machine.lacks(names)
    if lacking:
        told = "; ".join(f"{one.name} ({one.what})" for one in lacking)
        raise NotReady(f"this machine lacks {told}", hint="; ".join(one.remedy for one in lacking if one.remedy))


COMMAND: click.Command = command
