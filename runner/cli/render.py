"""`tunebook render`: a measured launch as others start it."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli._options import results_option


@click.command("render")
@click.argument("campaign", metavar="CAMPAIGN|RUN")
@click.option("--trial", default="best", metavar="N|best", show_default=True, help="Which trial of its latest series.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["shell", "docker", "compose", "kubernetes", "benchmark-job"]),
    default="shell",
    show_default=True,
    help="How it shall be started.",
)
@click.option("--image", metavar="IMAGE", help="Container image; default: that of the campaign.")
@results_option
def command(campaign: str, trial: str, form: str, image: str | None, results: Path) -> None:
    """Print the launch of a trial, from its sealed record, to be copied.

    What differs from machine to machine is left open: $MODEL and $PORT. NAME#7 is trial 7 of campaign NAME.
    benchmark-job prints the campaign's workload as a BenchmarkJob of OME instead, for a service that runs already.

    \b
    tunebook render quickstart
    tunebook render llama3-8b-h100-chat --as docker > serve.sh
    """
    from runner.errors import UsageError
    from runner.launched import launched, served
    from runner.render.benchmark_job import benchmark_job, lacking
    from runner.render.forms import FORMS, lacks_image
    from runner.util.visible import visible_lines

    found = launched(results, campaign, trial)
    if form == "benchmark-job":
        if (why := lacking(found[0])) is not None:
            raise UsageError(why, hint="tunebook measures it: deploy: {kind: attach, url: ...}")
        click.echo(visible_lines(benchmark_job(*found)), nl=False)
        return
    made = served(*found, image)
    if lacks_image(form, made):
        what = f"{campaign} ran without containers: no image is known for --as {form}"
        raise UsageError(what, hint="name one that has the engine: --image REPOSITORY:TAG")
    click.echo(visible_lines(FORMS[form](made)), nl=False)


COMMAND: click.Command = command
