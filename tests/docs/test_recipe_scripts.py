"""The scripts of recipes that talk to a forge, run for real: git, bash, jq and unzip; only the forge is played."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests._machine import missing
from tests.docs.recipes import TEMPLATES, scripts, steps

SHA = "a" * 40
GH = """\
#!/usr/bin/env python3
import json, os, sys, pathlib
here = pathlib.Path(os.environ["PLAYED"])
words = sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
path = next(word for word in words if word.startswith("repos/"))
method = words[words.index("--method") + 1] if "--method" in words else "GET"
if method in ("POST", "PATCH"):
    name = words[words.index("--field") + 1].removeprefix("body=@")
    (here / f"{method} {path.replace('/', ' ')}").write_bytes(pathlib.Path(name).read_bytes())
elif path.endswith("/zip"):
    sys.stdout.buffer.write((here / "artifact.zip").read_bytes())
else:
    print((here / path.rpartition("/")[2]).read_text())
"""


@pytest.fixture(autouse=True)
def needed_tools() -> None:
    absent = [name for name in ("bash", "jq", "unzip", "git") if shutil.which(name) is None]
    if absent:
        missing(f"{', '.join(absent)} (`make system`)")


def program(folder: Path, name: str, text: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def bash(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As a runner does for `shell: bash`."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PLAYED": str(folder), **environment},
        cwd=work, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


class Forge:
    """What `gh` answers: pull requests, artifacts, comments; and what was posted to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program(folder, "gh", GH)
        self.pulls = [{"number": 6, "head": {"sha": "b" * 40}}, {"number": 7, "head": {"sha": SHA}}]
        self.comments: list[dict[str, object]] = []
        self.artifact({"plan.txt": b"ok campaigns/x.yaml\n"})

    def artifact(self, members: dict[str, bytes]) -> None:
        with zipfile.ZipFile(self.folder / "artifact.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    def post(self) -> subprocess.CompletedProcess[str]:
        (script,) = scripts(TEMPLATES / "github" / "comment.yml")
        size = (self.folder / "artifact.zip").stat().st_size
        found = {"artifacts": [{"id": 99, "name": "plan", "size_in_bytes": size}]}
        for name, value in (("pulls", self.pulls), ("artifacts", found), ("comments", self.comments)):
            (self.folder / name).write_text(json.dumps(value), encoding="utf-8")
        return bash(
            script, self.folder, REPOSITORY="us/models", RUN_ID="5", RUN_URL="https://forge.example/5",
            CONCLUSION="success", HEAD_SHA=SHA, HEAD_OWNER="them", HEAD_BRANCH="x'; touch pwned; '",
        )  # fmt: skip

    def posted(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.folder.glob("P* repos*")}


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return Forge(tmp_path)


def test_the_plan_becomes_a_comment_on_its_pull_request(forge: Forge) -> None:
    done = forge.post()
    assert done.returncode == 0, done.stderr
    assert forge.posted() == {
        "POST repos us models issues 7 comments": "<!-- tunebook plan -->\n**tunebook check and plan: success** "
        "([log](https://forge.example/5))\n\n````text\nok campaigns/x.yaml\n\n````\n"
    }
    assert not (forge.folder / "work" / "pwned").exists()


def test_the_second_time_its_own_comment_is_changed(forge: Forge) -> None:
    mark = "<!-- tunebook plan -->\nold"
    forge.comments = [
        {"id": 1, "user": {"login": "them"}, "body": mark},  # a stranger's copy of the mark
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": mark},
    ]
    assert forge.post().returncode == 0
    assert list(forge.posted()) == ["PATCH repos us models issues comments 3"]


def test_hostile_text_stays_in_its_fence(forge: Forge) -> None:
    hostile = (
        "````\n@everyone ![x](https://evil.example/t.png) <img src=x>\n\u202egnp\x1b[31m\x00 `` ~~~\n" + "y" * 10**6
    )
    members = {"plan.txt": hostile.encode(), "../../evil": b"x", "/etc/evil": b"x", "number": b"1; touch pwned"}
    forge.artifact(members)
    done = forge.post()
    assert done.returncode == 0, done.stderr
    (body,) = forge.posted().values()
    assert len(body) < 65_000, "the forge takes no longer comment"
    inside = body.partition("````text\n")[2]
    assert inside.index("````") == len(inside) - len("````\n"), "the fence ends where we end it"
    assert inside.isascii()
    assert "\x1b" not in inside
    assert "\x00" not in inside
    found = {path.name for path in (forge.folder / "work").iterdir()}
    assert found == {"artifact.zip", "comment.md"}, "no other member of the artifact touched the disk"


@pytest.mark.parametrize("what", ["no pull request", "another commit", "no artifact", "no such member"])
def test_nothing_to_comment(what: str, forge: Forge) -> None:
    if what == "no pull request":
        forge.pulls = []
    if what == "another commit":
        forge.pulls = [{"number": 7, "head": {"sha": "c" * 40}}]
    if what == "no artifact":
        forge.artifact({"plan.txt": os.urandom(2_000_000)})  # too large: as if it were none
    if what == "no such member":
        forge.artifact({"other.txt": b"x"})
    done = forge.post()
    assert done.returncode == 0, done.stderr
    posted = forge.posted()
    assert len(posted) == (what == "no such member"), done.stdout
    assert all("````text\n\n````" in body for body in posted.values())


CHANGED = "campaigns/new one's.yaml"


@pytest.fixture
def merge(tmp_path: Path) -> Path:
    """A checkout of a pull request's merge, two commits deep; git, curl and tunebook as the job finds them."""
    work = tmp_path / "work"
    (work / "campaigns").mkdir(parents=True)

    def git(*words: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(work), *who, *words], check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    for name in ("kept.yaml", "gone.yaml"):
        (work / "campaigns" / name).write_text("x: 1\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "base")
    git("checkout", "--quiet", "-b", "theirs")
    (work / "campaigns" / "gone.yaml").unlink()
    (work / CHANGED).write_text("x: 2\n")
    (work / "README.md").write_text("theirs\n")
    git("add", "-A")
    git("commit", "--quiet", "-m", "theirs")
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "-m", "merge", "theirs")
    program(tmp_path, "curl", '#!/bin/sh\nexit "${CURL_STATUS:-22}"\n')
    program(
        tmp_path,
        "tunebook",
        '#!/usr/bin/env bash\nprintf "%s\\n" "$*" >> "$PLAYED/calls"\necho "said $1"\n'
        'echo "warned $1" >&2\n[ "$1" != check ] || exit "${CHECK_STATUS:-0}"\n',
    )
    return tmp_path


def check(folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Status of the step, the tunebook commands it ran, and the text that it leaves."""
    (script,) = (step["run"] for step in steps(TEMPLATES / "github" / "check.yml") if step.get("shell") == "bash")
    done = bash(
        script, folder, GITHUB_REPOSITORY_OWNER="us", GITHUB_REPOSITORY="us/models",
        GITHUB_STEP_SUMMARY=str(folder / "summary"), **environment,
    )  # fmt: skip
    calls = (folder / "calls").read_text(encoding="utf-8").splitlines()
    return done.returncode, calls, (folder / "work" / "plan.txt").read_text(encoding="utf-8")


def test_all_is_checked_and_what_changed_is_planned(merge: Path) -> None:
    status, calls, text = check(merge)
    assert status == 0
    assert calls == ["check campaigns/", f"plan -- {CHANGED}", f"plan --markdown -- {CHANGED}"]
    assert text == "said check\nwarned check\n\nsaid plan\nwarned plan\n"
    assert (merge / "summary").read_text() == "said plan\n"


def test_a_changed_preset_changes_the_campaigns_that_extend_it(merge: Path) -> None:
    """Which those are, `plan` knows: it gets all. A preset itself is no campaign and is never given to it."""
    preset = merge / "work" / "campaigns" / "presets" / "ours.yaml"
    preset.parent.mkdir()
    preset.write_text("flags: {a: 1}\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    for words in (["add", "-A"], ["commit", "--quiet", "-m", "preset"]):
        subprocess.run(["git", "-C", str(merge / "work"), *who, *words], check=True, capture_output=True)
    status, calls, _ = check(merge)
    assert status == 0
    assert calls == ["check campaigns/", "plan -- campaigns/", "plan --markdown -- campaigns/"]


def test_with_a_published_site_the_plan_knows_what_is_measured(merge: Path) -> None:
    _, calls, _ = check(merge, CURL_STATUS="0")
    assert calls[1] == f"plan --store published.duckdb -- {CHANGED}"


def test_a_bad_campaign_fails_the_step_and_is_told(merge: Path) -> None:
    status, calls, text = check(merge, CHECK_STATUS="2")
    assert status == 2
    assert calls == ["check campaigns/"]
    assert text == "said check\nwarned check\n"


DOCKER = """\
#!/bin/sh
echo "$@" >>"$PLAYED/calls"
case "$1" in login) cat >>"$PLAYED/calls" ;; esac
"""


def test_a_tag_publishes_the_image_of_its_version(tmp_path: Path) -> None:
    """A registry takes names in small letters only; the token is on no command line."""
    program(tmp_path, "docker", DOCKER)
    path = TEMPLATES / "github" / "image.yml"
    [script] = [step["run"] for step in steps(path) if step.get("name") == "Publish"]
    forge = {"GITHUB_REPOSITORY": "Ours/Models", "GITHUB_REF_NAME": "v1.2", "GITHUB_ACTOR": "me", "TOKEN": "secret"}
    assert bash(script, tmp_path, **forge).returncode == 0
    assert (tmp_path / "calls").read_text(encoding="utf-8").splitlines() == [
        "login ghcr.io --username me --password-stdin",
        "secret",
        "tag image ghcr.io/ours/models:1.2",
        "push ghcr.io/ours/models:1.2",
    ]
