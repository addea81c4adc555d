"""`tunebook fixtures`: made-up results and models, for whoever works on tunebook."""

from __future__ import annotations

from pathlib import Path

import click

OUT = click.Path(path_type=Path, file_okay=False, resolve_path=True)


@click.group("fixtures", hidden=True, no_args_is_help=True)
def command() -> None:
    """Make up results and models, to develop and test with.

    The same words and the same seed give the same bytes, on every machine.
    """


@command.command("store")
@click.option("--out", type=OUT, required=True, metavar="DIR", help="Results folder to make; empty or new.")
@click.option("--campaigns", type=click.IntRange(1, 100_000), default=3, show_default=True)
@click.option("--trials", type=click.IntRange(1, 5000), default=20, show_default=True, help="Of each campaign.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
def store_command(out: Path, campaigns: int, trials: int, seed: int) -> None:
    """Make a results folder of campaigns that never ran.

    Sealed records, taken in and published by the code that a run uses: `tunebook build --results DIR` makes a site of
    them. Trials succeed, miss an SLO and fail; the best are confirmed.

    \b
    tunebook fixtures store --campaigns 10 --trials 50 --out /tmp/made-up
    """
    from runner.fixtures.store import write_store

    done = write_store(out, campaigns, trials, seed, lambda line: click.echo(line, err=True))
    click.echo(f"{out}: {done.new} records, {campaigns} campaigns with {trials} trials each")


@command.command("model")
@click.option("--out", type=OUT, required=True, metavar="DIR", help="Folder to make; empty or new.")
@click.option("--kind", type=click.Choice(["gguf", "safetensors"]), required=True)
@click.option("--size", type=click.Choice(["tiny", "small", "medium"]), default="tiny", show_default=True,
              help="About 1, 30 and 300 MB.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True)
def model_command(out: Path, kind: str, size: str, seed: int) -> None:
    """Make files that look like a model's: true headers, random weights.

    gguf: one file that holds its tokenizer. safetensors: config, tokenizer, index and shards, as a hub has them. No
    answer of such a model means anything.
    """
    from runner.domain.units import format_size
    from runner.fixtures.model import write_model

    for made in write_model(out, kind, size, seed):
        click.echo(f"{made.sha256}  {out / made.name}  {format_size(made.bytes)}")


COMMAND: click.Command = command
