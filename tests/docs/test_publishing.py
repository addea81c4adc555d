"""The recipes of site/guide/publishing.md: shell recipes run on a built site, YAML is what a forge can read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from report.build import Built, build_site
from tests.docs.recipes import ROOT, parse, tunebook_lines
from tests.report.conftest import empty, make_small_project

__all__ = ["empty"]

GUIDE = (ROOT / "site/guide/publishing.md").read_text(encoding="utf-8")
BLOCKS = {
    title: (kind, text)
    for kind, title, text in re.findall(r'^```(sh|yaml|toml) title="([^"]+)"\n(.*?)^```$', GUIDE, re.M | re.S)
}
SHELL = [title for title, (kind, _) in BLOCKS.items() if kind == "sh"]

AWS = """\
#!/bin/sh
# A bucket is a folder here. `aws s3 cp [--recursive] [options] FROM TO`
set -eu
[ "$1 $2" = "s3 cp" ] || exit 2
shift 2
while [ $# -gt 2 ]; do case "$1" in --cache-control|--content-type) shift 2 ;; --*) shift ;; *) exit 2 ;; esac; done
to="$PLAYED/$(echo "$2" | sed 's,^s3://,,')"
mkdir -p "$(dirname "$to")"
cp -R "$1" "$to"
echo "$2" >> "$PLAYED/calls"
"""
DATE = """\
#!/bin/sh
# Each time a second later: releases are called by it.
set -eu
echo x >> "$PLAYED/asked"
printf '20260101T0000%02d\\n' "$(wc -l < "$PLAYED/asked")"
"""
SSH = """\
#!/bin/sh
# The other machine is this one: its words are a command line.
set -eu
[ "$1" = web.example.org ]
shift
exec sh -c "$*"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Built:
    return build_site(empty, make_small_project(tmp_path_factory.mktemp("publish") / "project"), None)


@pytest.fixture
def play(tmp_path: Path, built: Built) -> Callable[..., None]:
    """Runs a recipe as a shell does, with `tunebook build --out public` played by a copy of a built site."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def program(name: str, text: str) -> None:
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)

    program("tunebook", f'#!/bin/sh\n[ "$*" = "build --out public" ] && rm -rf public && cp -R "{built.out}" public\n')
    program("aws", AWS)
    program("date", DATE)
    program("ssh", SSH)

    def run(title: str, **words: str) -> None:
        script = BLOCKS[title][1]
        for old, new in words.items():
            assert old in script
            script = script.replace(old, new)
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", script],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PLAYED": str(tmp_path),
                 "SITE_ROOT": str(tmp_path / "www"), "RSYNC_RSH": "ssh"},
            cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_a_web_server(play: Callable[..., None], built: Built, tmp_path: Path) -> None:
    root = tmp_path / "www"
    names = set()
    for _ in range(4):
        play("publish to a folder")
        assert (root / "current").is_symlink()
        assert content(root / "current") == content(built.out)
        names.add((root / "current").resolve().name)
    assert len(names) == 4, "each build has a folder of its own"
    assert {path.name for path in (root / "releases").iterdir()} == set(sorted(names)[-3:])
    assert sorted(path.name for path in root.iterdir()) == ["current", "releases"]


def test_with_rsync(play: Callable[..., None], built: Built, tmp_path: Path) -> None:
    if shutil.which("rsync") is None:
        (tmp_path / "bin" / "rsync").write_text(
            '#!/bin/sh\n[ "$1" = --archive ] && cp -R "$3." "${4#*:}"\n', encoding="utf-8"
        )
        (tmp_path / "bin" / "rsync").chmod(0o755)
    root = tmp_path / "remote"
    for _ in range(2):
        play("publish with rsync", **{"/srv/www/tunes": str(root)})
        assert content(root / "current") == content(built.out)
    assert len(list((root / "releases").iterdir())) == 2


def test_a_bucket_changes_at_its_last_object(play: Callable[..., None], built: Built, tmp_path: Path) -> None:
    play("publish to a bucket")
    first, last = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert last == "s3://tunes/index.html", "the page that sends readers on comes after all of the release"
    release = first.removeprefix("s3://tunes/")
    assert content(tmp_path / "tunes" / release) == content(built.out)
    entry = (tmp_path / "tunes" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"(?:url=|href=)([^\">]+)", entry) == [f"{release}/index.html"] * 2
    assert (tmp_path / "tunes" / release / "index.html").is_file()


def test_every_recipe_was_run_or_read() -> None:
    assert set(SHELL) == {"publish to a folder", "publish with rsync", "publish to a bucket"}
    assert set(BLOCKS) - set(SHELL) == {".github/workflows/pages.yml", ".gitlab-ci.yml"}


def commands(script: str) -> list[list[str]]:
    """The tunebook command lines of a shell text, each of which exists; the text is one that bash can read."""
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    found = list(tunebook_lines(script))
    for words in found:
        parse(words)
    return found


@pytest.mark.parametrize("title", SHELL)
def test_the_commands_of_a_shell_recipe_exist(title: str) -> None:
    assert commands(BLOCKS[title][1]) == [["build", "--out", "public"]]


def test_github_pages() -> None:
    text = BLOCKS[".github/workflows/pages.yml"][1]
    jobs = yaml.safe_load(text)["jobs"]
    (script,) = [step["run"] for step in jobs["build"]["steps"] if "run" in step]
    assert [words[0] for words in commands(script)] == ["store", "build"]
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in used), "pinned, and nobody else's"
    (artifact,) = [step for step in jobs["build"]["steps"] if "upload-pages-artifact" in step.get("uses", "")]
    assert artifact["with"]["path"] == "public"
    assert jobs["deploy"]["needs"] == "build", "a build that fails deploys nothing"
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] > 0 for job in jobs.values())
    assert "${{" not in script


def test_gitlab_pages() -> None:
    ((name, job),) = yaml.safe_load(BLOCKS[".gitlab-ci.yml"][1]).items()
    assert name == "pages", "GitLab publishes what the job of this name leaves"
    assert job["artifacts"]["paths"] == ["public"]
    assert [words[0] for words in commands("\n".join(job["script"]))] == ["store", "build"]


def test_the_section_of_settings_is_accepted(tmp_path: Path) -> None:
    from report.identity import KEYS, identity

    (section,) = re.findall(r"^```toml\n(\[site\].*?)^```$", GUIDE, re.M | re.S)
    (tmp_path / "tunebook.toml").write_text(section, encoding="utf-8")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "logo.svg").write_text("<svg/>", encoding="utf-8")
    found = identity(tmp_path)
    assert found.title == "Serving at Example"
    assert found.sql is True
    assert re.findall(r"^(\w+) =", section, re.M) == list(KEYS), "the guide names every key"
