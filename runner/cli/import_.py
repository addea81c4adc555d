"""`tunebook import`: files of other tools become files of this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli._options import json_option, results_option

if TYPE_CHECKING:
    from runner.campaign.legacy import Translated
    from runner.errors import Problem
    from runner.foreign import Imported


SHOWN = 5
"""Places of a file that a line names."""


@click.group("import", no_args_is_help=True)
def command() -> None:
    """Take over what other tools wrote."""


@command.command("campaign")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the campaigns [default: campaigns/ of the project, else here].",
)
@click.option("--model-base", default="/models", show_default=True, help="Folder of models that are named without one.")
@click.option("--force", is_flag=True, help="Overwrite campaigns that are there already.")
@json_option
def campaign_command(files: tuple[Path, ...], output: Path | None, model_base: str, force: bool, as_json: bool) -> None:
    """Turn task files of inference-autotuner (JSON) into campaigns.

    Each becomes a campaign that `tunebook check` accepts, named after the task. What the campaign can not say is
    listed with the reason, on the screen and at the head of the campaign: nothing is left out in silence. Units are
    written out, parameters move into space, quant_config and parallel_config into quantization and parallel.

    Nothing is overwritten without --force. A file that is no task does not stop the others; exit status 2 then.
    """
    from runner.campaign.files import read_text
    from runner.campaign.legacy import translate
    from runner.errors import CampaignError

    problems: list[Problem] = []
    written: set[Path] = set()
    for file in files:
        try:
            made = translate(read_text(file), file, model_base)
            target = _write(made, output, force, written, file)
        except CampaignError as error:
            problems += error.problems()
            continue
        written.add(target)
        _say(made, file, target, as_json)
    if as_json:
        click.echo(json.dumps({"event": "end", "exit_code": CampaignError.status if problems else 0}))
    elif written:
        click.echo(f"next: tunebook check {' '.join(map(str, sorted(written)))}, and read what was changed", err=True)
    if problems:
        raise CampaignError(problems)


@command.command("results")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@results_option
@json_option
def results_command(paths: tuple[Path, ...], results: Path, as_json: bool) -> None:
    """Take in what other tools measured: result files of vllm bench serve, GuideLLM, AIPerf, llm-d Benchmark Report.

    A file is known by its content, not by its name; PATH may be a folder of them. Each becomes a record with the file
    in it. Numbers stand as they were published, in our units (ms become s); what the file does not say, and what of it
    was not taken, is listed. They are foreign: in the views foreign_results and foreign_metrics alone, never compared
    or ranked with what tunebook measured. The same file again is a no-op.

    A file that is none of these, or broken, does not stop the others; exit status 2 then.

    \b
    tunebook import results vllm-bench.json aiperf/profile_export_aiperf.json
    tunebook sql "FROM foreign_results JOIN foreign_metrics USING (foreign_id, position)"
    """
    from runner.errors import ResultFileError
    from runner.foreign import files_of, import_result
    from runner.store.ingest import ingest
    from runner.store.snapshot import snapshot

    refused: list[ResultFileError] = []
    for file in files_of(paths):
        try:
            done = import_result(results, file)
        except ResultFileError as error:
            refused.append(error)
            continue
        _tell(done, file, as_json)
    taken = ingest(results)
    for warning in taken.warnings:
        click.echo(f"warning: {warning}", err=True)
    if taken.new and taken.pending == taken.damaged:
        snapshot(results)
    if as_json:
        click.echo(json.dumps({"event": "end", "exit_code": ResultFileError.status if refused else 0}))
    if refused:
        raise ResultFileError("; ".join(error.what for error in refused), hint=refused[0].hint)


def _tell(done: Imported, file: Path, as_json: bool) -> None:
    from runner.util.visible import visible_lines

    fact = done.fact
    numbers = sum(len(level.metrics) for level in fact.levels)
    if as_json:
        told = {
            "file": str(file), "foreign_id": fact.foreign_id, "new": done.new, "format": fact.format, "tool": fact.tool,
            "levels": len(fact.levels), "numbers": numbers, "unread": list(fact.unread), "missing": list(fact.missing),
        }  # fmt: skip
        click.echo(json.dumps({"event": "imported", **told}))
        return
    if not done.new:
        click.echo(visible_lines(f"{file}: known, imported {fact.imported_utc[:19]} as {fact.said}"))
        return
    loads = "1 load" if len(fact.levels) == 1 else f"{len(fact.levels)} loads"
    tool = f"{fact.tool} {fact.tool_version or '(version not in the file)'}"
    click.echo(visible_lines(f"{file}: {numbers} numbers of {loads}, by {tool}"))
    for word, names in (("not in the file", fact.missing), ("not taken", fact.unread)):
        if names:
            more = f" and {len(names) - SHOWN} more (--json lists all)" if len(names) > SHOWN else ""
            click.echo(visible_lines(f"  {word}: {', '.join(names[:SHOWN])}{more}"))


def _write(made: Translated, output: Path | None, force: bool, written: set[Path], file: Path) -> Path:
    """Where the campaign was written. Raises CampaignError for a file that is there already."""
    from runner.cli.new import default_target, schema_line
    from runner.errors import CampaignError, Problem, Unwritable, Where
    from runner.util.files import atomic_write

    target = output / f"{made.name}.yaml" if output else default_target(made.name)
    here = Where(str(file))
    if target in written or (target.exists() and not force):
        what = f"{target} exists already: nothing was written for this task"
        twice = "two tasks have one name: rename one"
        hint = twice if target in written else "choose another folder with --output, or overwrite it with --force"
        raise CampaignError([Problem("legacy-task", what, here, hint)])
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, schema_line(target) + made.text)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise CampaignError([Problem("legacy-task", f"{target} can not be a file: {error.strerror}", here)]) from error
    except PermissionError as error:
        raise Unwritable(f"can not write {target}: {error.strerror}", hint="choose another folder: --output") from error
    return target


def _say(made: Translated, file: Path, target: Path, as_json: bool) -> None:
    if as_json:
        notes = [{"kind": one.kind, "key": one.key, "why": one.why, "line": one.line} for one in made.notes]
        click.echo(json.dumps({"event": "imported", "file": str(file), "campaign": str(target), "notes": notes}))
        return
    click.echo(f"wrote {target}, from {file}")
    for note in made.notes:
        click.echo(f"  {note.text}" + (f" ({file.name}:{note.line})" if note.line else ""))


COMMAND: click.Command = command
