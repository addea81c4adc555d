"""The recipes for CI do what they say, as far as it shows without a forge: rights, pins, shell, command lines."""

from __future__ import annotations

import configparser
import html
import re
import shutil
import subprocess
from pathlib import Path

import click
import markdown
import pytest
import yaml

from tests.docs.recipes import (
    EVERY,
    GITLAB,
    ROOT,
    TEMPLATES,
    WORKFLOWS,
    crontab_lines,
    parse,
    scripts,
    steps,
    tunebook_lines,
    workflow,
)

RIGHTS = {
    "check": ({"contents": "read"}, {"check": None}),
    "comment": ({}, {"comment": {"actions": "read", "pull-requests": "write"}}),
    "gate": ({"contents": "read"}, {"gate": None}),
    "hosts": ({"contents": "read"}, {"run": None, "build": None, "deploy": {"pages": "write", "id-token": "write"}}),
    "image": ({"contents": "read"}, {"image": {"contents": "read", "packages": "write"}}),
    "nightly": ({"contents": "read"}, {"run": None}),
    "publish": ({"contents": "read"}, {"build": None, "deploy": {"pages": "write", "id-token": "write"}}),
}
"""Per workflow: what every job may, and what a job may instead. Widening one is a decision, so it stands here."""

by_file = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


@by_file
def test_rights_are_the_least(path: Path) -> None:
    found = workflow(path)
    jobs = {name: job.get("permissions") for name, job in found["jobs"].items()}
    assert (found["permissions"], jobs) == RIGHTS[path.stem]


@by_file
def test_every_action_is_pinned(path: Path) -> None:
    used = [step["uses"] for step in steps(path) if "uses" in step]
    unpinned = [name for name in used if not re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", name)]
    assert unpinned == []
    assert {name.partition("/")[0] for name in used} <= {"actions"}, "nobody else's action"


@by_file
def test_nothing_of_an_event_is_pasted_into_a_script(path: Path) -> None:
    """A title or branch name with a quote in it would be code. Values go through the environment."""
    assert [script for script in scripts(path) if "${{" in script] == []
    assert "pull_request_target" not in path.read_text(encoding="utf-8")


@by_file
def test_every_job_ends(path: Path) -> None:
    for name, job in workflow(path)["jobs"].items():
        assert job["timeout-minutes"] > 0, name


def test_a_forks_code_gets_nothing() -> None:
    """Where a pull request's code runs: no secret, no token in the checkout, no machine of ours."""
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        if "pull_request" not in workflow(path)["on"]:
            continue
        assert path.stem == "check"
        assert "secrets." not in text
        assert "github.token" not in text
        for job in workflow(path)["jobs"].values():
            assert job["runs-on"] == "ubuntu-latest"
        for step in steps(path):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_who_may_comment_runs_no_foreign_code() -> None:
    (path,) = (path for path in WORKFLOWS if path.stem == "comment")
    assert [step for step in steps(path) if "uses" in step] == [], "no checkout, no action that unpacks files"
    assert set(workflow(path)["on"]) == {"workflow_run"}
    (script,) = scripts(path)
    assert not re.search(r"\b(eval|source|pip|python3?|node|git|bash|sh)\b", script)


def test_the_machine_with_the_hardware_serves_no_pull_request() -> None:
    for path in WORKFLOWS:
        own = [job for job in workflow(path)["jobs"].values() if "self-hosted" in job["runs-on"]]
        if own:
            assert set(workflow(path)["on"]) <= {"schedule", "workflow_dispatch", "push", "workflow_run"}, path.stem


def test_a_gate_never_measures_beside_a_night_and_its_answer_is_the_jobs() -> None:
    (path,) = (path for path in WORKFLOWS if path.stem == "gate")
    (night,) = (path for path in WORKFLOWS if path.stem == "nightly")
    assert workflow(path)["concurrency"] == workflow(night)["concurrency"]
    (script,) = (script for script in scripts(path) if "tunebook gate" in script)
    assert script.rstrip().endswith('exit "$worst"')


def test_the_night_is_alone_and_outlives_its_budget() -> None:
    (path,) = (path for path in WORKFLOWS if path.stem == "nightly")
    night = workflow(path)
    assert night["concurrency"] == {"group": "tunebook-nightly", "cancel-in-progress": False}
    job = night["jobs"]["run"]
    (line,) = [words for script in scripts(path) for words in tunebook_lines(script)]
    assert line == ["run", "campaigns/", "--due", "--matching", "--budget", "8h", "--build"]
    assert job["timeout-minutes"] > 8 * 60
    assert Path(job["env"]["TUNEBOOK_RESULTS"]).is_absolute(), "the checkout is cleaned before each run"
    assert "git" not in " ".join(scripts(path)).split(), "commits nothing"


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.name)
def test_shell_and_command_lines_are_right(path: Path) -> None:
    for script in scripts(path):
        checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{checked.stderr}\n{script}"
        for words in tunebook_lines(script):
            parse(words)


def test_every_kind_of_recipe_calls_tunebook() -> None:
    """Else the test above looked at nothing."""
    called = {path.parent.name for path in EVERY if any(list(tunebook_lines(script)) for script in scripts(path))}
    assert called == {"github", "gitlab", "cron", "systemd", "kubernetes"}
    with pytest.raises(click.UsageError):
        parse(["run", "campaigns/", "--agian"])


def test_gitlab_gives_merge_requests_no_machine_of_ours() -> None:
    jobs = {k: v for k, v in yaml.safe_load(GITLAB.read_text(encoding="utf-8")).items() if isinstance(v, dict)}
    assert set(jobs) == {"check", "nightly", "pages"}
    for name, job in jobs.items():
        assert job["stage"] in ("check", "run", "deploy")
        rules = " ".join(rule["if"] for rule in job["rules"])
        assert ("merge_request_event" in rules) == (name == "check")
        assert ("tags" in job) == (name != "check")
    assert jobs["pages"]["artifacts"]["paths"] == ["public"], "GitLab publishes the folder of that name"


def test_crontab() -> None:
    (line,) = crontab_lines()
    *when, command = line.split(None, 5)
    assert len(when) == 5
    for field, high in zip(when, (59, 23, 31, 12, 7), strict=True):
        assert field == "*" or 0 <= int(field) <= high
    assert "%" not in command, "cron makes a line break of it"
    for word in command.split():
        if "/" in word:
            assert word.startswith("/"), f"cron's PATH and folder are not yours: {word}"


def test_systemd_units(tmp_path: Path) -> None:
    """Checked by systemd itself where it is, with the project in a folder that exists."""
    project = tmp_path / "srv"
    program = project / ".venv" / "bin" / "tunebook"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = []
    for name in ("tunebook.service", "tunebook.timer"):
        text = (TEMPLATES / "systemd" / name).read_text(encoding="utf-8")
        unit = tmp_path / name
        unit.write_text(text.replace("/srv/tunebook", str(project)), encoding="utf-8")
        units.append(unit)
        parser = configparser.RawConfigParser(strict=True)
        parser.read_string(text)
        assert "Unit" in parser
    if tool := shutil.which("systemd-analyze"):
        done = subprocess.run(
            [tool, "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False, timeout=60
        )
        ours = [line for line in done.stderr.splitlines() if "tunebook" in line]
        assert (done.returncode, ours) == (0, []), done.stderr


def test_the_guide_shows_the_files_themselves() -> None:
    """Rendered as the site renders it: each recipe stands in a code block, byte for byte."""
    text = (ROOT / "site/guide/ci.md").read_text(encoding="utf-8")
    assert "runner/templates" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), "where snippets come from"
    rendered = markdown.markdown(
        text,
        extensions=["pymdownx.highlight", "pymdownx.superfences", "pymdownx.snippets", "admonition", "attr_list"],
        extension_configs={
            "pymdownx.snippets": {"base_path": [str(TEMPLATES)], "check_paths": True},
        },
    )
    shown = re.findall(r"<pre.*?</pre>", rendered, re.S)
    blocks = {html.unescape(re.sub(r"<[^>]+>", "", block)).strip() for block in shown}
    for path in EVERY:
        assert path.read_text(encoding="utf-8").strip() in blocks, path.name


PAGES = [*sorted((ROOT / "site/guide").glob("*.md")), *sorted((TEMPLATES / "project").rglob("README.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_the_commands_of_a_guide_exist(page: Path) -> None:
    blocks = re.findall(r"^```(?:sh|bash)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    for block in blocks:
        for words in tunebook_lines(re.sub(r"\s#.*$", "", block, flags=re.M)):
            parse(words)
