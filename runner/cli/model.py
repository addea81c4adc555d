"""`tunebook model`: models fetched, listed and verified."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from runner.cli._options import json_option
from runner.cli._session import closing, handling, progress
from runner.errors import HashMismatch, Interrupted, ModelMissing, UsageError

EVERY = 10.0
"""Seconds between two lines of progress where none moves."""


@click.group("model", no_args_is_help=True)
def command() -> None:
    """Fetch models before a campaign needs them, list and verify what is here.

    Models of the hub go to the hub's own cache (HF_HOME), where engines find them; everything else to tunebook's.
    """


@command.command("fetch")
@click.argument("wanted", metavar="ID|CAMPAIGN|s3://...")
@click.option("--file", "files", multiple=True, metavar="NAME", help="Only this file of the model, or this pattern.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to fetch to; default: the cache.")
@click.option("--rev", metavar="REVISION", help="Branch, tag or commit; default: main.")
@click.option("--sha256", metavar="HEX", help="What the one file must be.")
@click.option("--force", is_flag=True, help="Fetch again what is here already.")
@click.option("--retries", type=click.IntRange(0, 1000), default=3, show_default=True, help="Tries without a byte.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=1800.0, show_default=True, metavar="SECONDS",
    help="How long a file may take; one second more for each MB.",
)  # fmt: skip
@click.option("--base-url", metavar="URL", help="A mirror of the hub; default: HF_ENDPOINT, or the hub itself.")
@click.option("--no-progress", is_flag=True, help="No word while bytes come.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, from where and how large; fetch nothing.")
@json_option
def fetch_command(wanted: str, as_json: bool, no_progress: bool, dry_run: bool, **options: Any) -> None:
    """Fetch a model: of the hub, of an object store, or all that a campaign needs.

    Every file is verified before it gets its name. What is here is not fetched again; an interrupted download goes on
    where it stopped. Of a hub model all forms of the weights but safetensors are left out where it has these; --file
    '*' fetches everything. A private or gated model needs HF_TOKEN.

    Exit status: 10 no space, 11 not authorised, 12 rate limited, 13 hash mismatch, 14 network, 130 interrupted.

    \b
    tunebook model fetch meta-llama/Llama-3.1-8B-Instruct --rev main
    tunebook model fetch campaigns/quickstart.yaml
    tunebook model fetch acme/tiny-GGUF --file tiny-q4.gguf --out models/ --json
    """
    from runner.models.download.transfer import Settings
    from runner.models.fetching import Asked, fetch, plan_lines
    from runner.util.visible import visible_lines

    tell = _Telling(as_json, no_progress)
    force, retries, timeout = options.pop("force"), options.pop("retries"), options.pop("timeout")
    settings = Settings(retries, timeout, force)
    files = tuple(options.pop("files"))
    with progress(as_json, live=not no_progress), closing(as_json) as end, _interruptible():
        every = _all_asked(wanted, Asked(wanted, names=files, **options))
        if not every and not as_json:
            click.echo(f"{wanted} needs no model on this machine")
        for asked in every:
            if dry_run:
                lines, plan = plan_lines(asked, settings, tell)
                end.setdefault("plan", []).append(plan)
                if not as_json:
                    click.echo(visible_lines("\n".join(lines)))
                continue
            found = fetch(asked, settings, tell)
            end.setdefault("paths", []).append(str(found))
            if not as_json:
                click.echo(visible_lines(f"model: {found}"))
        if not dry_run:
            _fetch_requests(wanted, as_json, end)


class _Telling:
    """The words of a download as events; of its progress now and then one for logs, where no line moves."""

    def __init__(self, as_json: bool, no_progress: bool) -> None:
        self._silent = no_progress
        self._lines = not (as_json or no_progress or sys.stderr.isatty())
        self._last = time.monotonic()

    def __call__(self, phase: str, **data: Any) -> None:
        from runner.domain.units import format_size
        from runner.events import emit

        if phase == "progress" and self._silent:
            return
        emit("fetch", phase=phase, **data)
        if self._lines and data.get("total") and time.monotonic() - self._last > EVERY:
            done, total = format_size(data["downloaded"]), format_size(data["total"])
            emit("notice", message=f"{data['file']}: {done} of {total}")
        elif phase == "progress":
            return
        self._last = time.monotonic()


def _all_asked(wanted: str, asked: Any) -> list[Any]:
    from runner.models.fetching import is_campaign, of_model
    from runner.runtimes import loads_hub

    if not is_campaign(wanted):
        return [asked]
    campaign = _campaign(wanted)
    names = {entry.runtime for entry in campaign.entries}
    nobodys = not any(loads_hub(name) or name == "command" for name in names)
    if campaign.deploy.kind == "attach" or (campaign.model.id is not None and nobodys):
        return []  # a server elsewhere has it, or a simulated engine only calls itself so
    return [of_model(campaign.model, asked)]


def _fetch_requests(wanted: str, as_json: bool, end: dict[str, Any]) -> None:
    """The dataset or trace that the campaign names by an address: a host without a network needs it too."""
    from runner.models.fetching import is_campaign

    if not is_campaign(wanted):
        return
    from runner.inputs.places import fetch

    workload = _campaign(wanted).workload
    file = workload.trace or workload.dataset
    if file is not None and file.url is not None:
        path = fetch(file)
        end["requests"] = str(path)
        if not as_json:
            click.echo(f"requests: {path}")


def _campaign(path: str) -> Any:
    from runner.campaign.load import load

    return load(Path(path))


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the models that are here: which, where, how large, and whether a file is missing.

    With --json: one line for each model.
    """
    from runner.models.shelf import as_text, everything
    from runner.util.visible import visible_lines

    here = everything()
    if as_json:
        for one in here:
            click.echo(json.dumps(one.as_plain()))
    else:
        click.echo(visible_lines(as_text(here)))


@command.command("verify")
@click.argument("wanted", metavar="[ID|CAMPAIGN]", required=False)
@json_option
def verify_command(wanted: str | None, as_json: bool) -> None:
    """Read models and compare every file with what it must be.

    A hub model is compared with the hashes that the hub named when it was fetched; nothing is asked of the network.
    Exit status 13 when a file is not what it was, 4 when one is missing.
    """
    from runner.events import emit
    from runner.models.shelf import check, names
    from runner.util.visible import visible_lines

    wrong, missing = [], []
    with progress(as_json), closing(as_json) as end, _interruptible():
        chosen = _shelved(wanted)
        for one in chosen:
            for found in check(one):
                emit("verified", file=str(found.path), bytes=found.bytes, ok=found.why is None, why=found.why)
                if found.why is not None:
                    wrong.append(f"{found.path}: {found.why}")
            missing += [f"{one.name}: {names(one.missing)}"] if one.missing else []
            if not as_json:
                bad = any(line.startswith(f"{one.folder}/") for line in wrong)
                state = "WRONG" if bad else "incomplete" if one.missing else "as it was"
                click.echo(visible_lines(f"{one.name}  {one.revision}  {state}"))
        end.update(models=len(chosen), wrong=len(wrong), incomplete=len(missing))
        if wrong:
            rest = f", and {len(wrong) - 1} more files" if len(wrong) > 1 else ""
            hint = "fetch it again: `tunebook model fetch ID --force`"
            raise HashMismatch(f"{wrong[0]}{rest}", hint=hint)
        if missing:
            raise ModelMissing(f"not complete: {'; '.join(missing)}", hint="`tunebook model fetch ID` gets the rest")


def _shelved(wanted: str | None) -> list[Any]:
    from runner.models.fetching import is_campaign
    from runner.models.shelf import everything

    here = everything()
    if wanted is None:
        return here
    model = _campaign(wanted).model if is_campaign(wanted) else None
    name = wanted if model is None else str(model.id or model.path or model.file)
    if model is not None and model.path == name and "://" not in name:
        raise UsageError(
            f"{name} is no model that was fetched", hint="`sha256:` of the campaign holds it to its content"
        )
    chosen = [one for one in here if one.name == name or one.name.endswith(f"/{name}")]
    if not chosen:
        raise ModelMissing(f"{name} is not here", hint=f"`tunebook model fetch {wanted}` gets it")
    return chosen


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end it at once, wherever it waits; what came is kept. Raises Interrupted."""

    def handle(received: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        with handling(handle, signal.SIGTERM, signal.SIGHUP):
            yield
    except KeyboardInterrupt:
        hint = "what came is kept: run the command again and it goes on there"
        raise Interrupted("interrupted", hint=hint) from None


COMMAND: click.Command = command
