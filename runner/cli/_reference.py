"""`python -m runner.cli._reference` prints site/reference/commands.md: every command's own help."""

from __future__ import annotations

import sys

import click

from runner.cli._commands import Commands
from runner.cli._root import root

HEAD = """# Commands

One command, `tunebook`. This page is its own help, printed by `make golden`; a test keeps it equal.

Exit codes: 0 done · 1 finished, but the answer is no (no trial succeeded) · 2 usage or campaign error · 3 our bug ·
4 environment not ready · 5 store problem · 7 already running · 10 no space · 13 hash mismatch · 14 network ·
130 interrupted (the store is whole; run again to resume). Of several files the worst counts.

## Settings

Of an option, an environment variable and `tunebook.toml` the first that is given counts.

| Environment variable | Default | Meaning |
|---|---|---|
| `TUNEBOOK_RESULTS` | `results/` of the project | where records, store and snapshot lie; the option is `--results` |
| `TUNEBOOK_CACHE` | `~/.cache/tunebook` | where models and installed engines are kept |
| `TUNEBOOK_LOCK_WAIT` | 30; `build` 120 | seconds to wait for a process that holds the store or builds the same pages |
| `TUNEBOOK_FAKE_GPUS` | not set | simulated GPUs, then the only ones seen: `none`, `H100:2`, `H100:2,L4:1` |
| `TUNEBOOK_GPU_WAIT` | 3600 | seconds that an attempt waits for GPUs or CPUs which another one uses |
| `TUNEBOOK_GENAI_BENCH` | what `engine install` made | Python, or folder of the environment, that has genai-bench |
| `TUNEBOOK_LEASES` | `/var/lock/tunebook` or `/tmp/tunebook-leases` | where leases lie, the same for all users |
| `TUNEBOOK_POD` | not set | in a pod: which one it is, `namespace/name/uid`; the next one sees that it is gone |
| `RAY_ADDRESS` | not set | head of the Ray cluster for `run --executor ray`; the option is `--address` |
| `NO_COLOR` | not set | set to anything: the progress of `run` has no colour |

`tunebook.toml` marks the folder of a project and may hold two paths; relative ones start at that folder:

```toml
[tunebook]
results = "results"
cache = "~/.cache/tunebook"
```
"""


def reference() -> str:
    """Markdown of the whole command tree."""
    assert isinstance(root, Commands)
    context = click.Context(root, info_name="tunebook", terminal_width=100, **root.context_settings)
    parts = [HEAD, f"## tunebook\n\n```text\n{root.get_help(context)}\n```\n"]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        parts.append(_section(command, context, name, 2))
    return "\n".join(parts)


def _section(command: click.Command, parent: click.Context, name: str, depth: int) -> str:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    text = f"{'#' * depth} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            text += "\n" + _section(found, context, inner, depth + 1)
    return text


if __name__ == "__main__":
    sys.stdout.write(reference())
