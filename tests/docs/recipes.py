"""Reads the recipes as their runners do: jobs, shell blocks, and the tunebook command lines in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import click
import yaml

from runner.cli._commands import Commands
from runner.cli._project import RECIPES
from runner.cli._root import root

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "runner" / "templates"
WORKFLOWS = sorted((TEMPLATES / "github").glob("*.yml"))
GITLAB = TEMPLATES / "gitlab" / "gitlab-ci.yml"
MANIFESTS = TEMPLATES / "kubernetes" / "tunebook.yaml"
ASKED_FOR = [TEMPLATES / "github" / "gate.yml", TEMPLATES / "github" / "hosts.yml"]
"""What the guide shows and `tunebook new` does not write: a gate needs a baseline first, and most have one machine."""
EVERY = sorted([*(TEMPLATES / name for recipe in RECIPES.values() for name in recipe), *ASKED_FOR])


def workflow(path: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key `on` as true."""
    text: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else str(key): value for key, value in text.items()}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in workflow(path)["jobs"].values():
        yield from job["steps"]


def scripts(path: Path) -> Iterator[str]:
    """The shell text of a recipe, one per block."""
    if path == GITLAB:
        jobs = yaml.safe_load(path.read_text(encoding="utf-8")).values()
        yield from ("\n".join(job["script"]) for job in jobs if isinstance(job, dict))
    elif path in WORKFLOWS:
        yield from (step["run"] for step in steps(path) if "run" in step)
    elif path.name == "crontab":
        yield from (line.split(None, 5)[5] for line in crontab_lines())
    elif path == MANIFESTS:
        yield from (command_line(container) for container in containers())
    elif path.parent == MANIFESTS.parent:
        yield from re.findall(r"^RUN ((?:.*\\\n)*.*)", path.read_text(encoding="utf-8"), re.M)
    else:
        lines = path.read_text(encoding="utf-8").splitlines()
        yield from (line.partition("=")[2].lstrip("-") for line in lines if line.startswith("Exec"))


def crontab_lines() -> list[str]:
    lines = (TEMPLATES / "cron" / "crontab").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and line[0] in "*0123456789@"]


def manifests() -> list[dict[str, Any]]:
    """The objects that `kubectl apply` would create, in their order."""
    return list(yaml.safe_load_all(MANIFESTS.read_text(encoding="utf-8")))


def containers() -> list[dict[str, Any]]:
    """Of a night's pod, those that prepare it first."""
    [night] = [made for made in manifests() if made["kind"] == "CronJob"]
    pod = night["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return [*pod["initContainers"], *pod["containers"]]


def command_line(container: dict[str, Any]) -> str:
    """As a shell would be told: what the image's entrypoint, `tunebook`, gets, or the shell text itself."""
    if "command" not in container:
        return shlex.join(["tunebook", *container["args"]])
    shell, option, text = container["command"]
    assert (shell, option) == ("sh", "-c")
    return str(text)


def tunebook_lines(script: str) -> Iterator[list[str]]:
    """The words after `tunebook` of every such command in a shell text."""
    for written in script.replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*", "", written)
        lexer = shlex.shlex(line.replace("$(", " ; ("), posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        lexer.commenters = ""  # a `#` inside a word is no comment, as in `name#7`; shlex would take it for one
        words = list(lexer)
        while words:
            end = next((i for i, word in enumerate(words) if set(word) <= set("();<>|&")), len(words))
            command, words = words[:end], words[end + 1 :]
            if command and PurePosixPath(command[0]).name == "tunebook":
                yield command[1:]


def parse(words: list[str]) -> None:
    """Parse one command line as the command itself would, without running it. Raises click.UsageError."""
    assert isinstance(root, Commands)
    context = click.Context(root, info_name="tunebook")
    if words in (["--version"], ["--help"]):
        return
    name, command, rest = root.resolve_command(context, words)
    assert command is not None
    assert name is not None
    while isinstance(command, click.Group):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        assert name is not None
    command.make_context(name, list(rest), parent=context)
