"""`tunebook new --project`: what it writes, what it refuses, and that an own repository can live with it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import __version__
from runner.cli import _project
from runner.cli._main import run_command_line
from runner.cli._project import RECIPES

ROOT = Path(__file__).parents[2]
Golden = Callable[[str, str], None]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listing(folder: Path) -> str:
    return "".join(f"{p.relative_to(folder).as_posix()}\n" for p in sorted(folder.rglob("*")) if p.is_file())


def settings(path: Path) -> Any:
    """A MkDocs file as plain data; its own tags become their text."""

    class Loader(yaml.SafeLoader): ...

    Loader.add_constructor("!relative", lambda loader, node: str(node.value))
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def test_a_project_and_its_listing(here: Path, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["new", "--project", "our models", "--runtime", "simulated"]) == 0
    said = capsys.readouterr()
    golden("project/listing.txt", listing(here))
    golden("project/said.txt", said.out + said.err)
    assert tomllib.loads((here / "our models/tunebook.toml").read_text()) == {"tunebook": {}, "site": {}}
    assert settings(here / "our models/mkdocs.yml")["site_name"] == "our models"
    assert run_command_line(["check", "our models/campaigns"]) == 0
    left = [path for path in here.rglob("*") if path.is_file() and re.search(r"@\w+@", path.read_text())]
    assert left == [], "a word nobody filled in"


@pytest.mark.parametrize("word", RECIPES)
def test_each_recipe_of_ci_alone(word: str, here: Path) -> None:
    assert run_command_line(["new", "--project", "p", "--runtime", "simulated", "--ci", word]) == 0
    every = {path for recipe in RECIPES.values() for path in recipe.values()}
    assert set(listing(here / "p").splitlines()) & every == set(RECIPES[word].values())


def test_new_goes_into_the_campaigns_of_the_project_from_anywhere_in_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command_line(["new", "--project", "p", "--runtime", "simulated"]) == 0
    monkeypatch.chdir(here / "p" / "site")
    assert run_command_line(["new", "second", "--runtime", "simulated"]) == 0
    text = (here / "p/campaigns/second.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../site/campaign.schema.json\n")


def test_it_never_overwrites(here: Path, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "p"
    folder.mkdir()
    (folder / "LICENSE").write_text("ours")
    (folder / "mkdocs.yml").write_text("ours")
    assert run_command_line(["new", "--project", "p"]) == 2
    golden("project/taken.txt", capsys.readouterr().err)
    assert listing(folder) == "LICENSE\nmkdocs.yml\n"
    (folder / "mkdocs.yml").unlink()
    assert run_command_line(["new", "--project", "p"]) == 0, "a folder with other things in it is no obstacle"
    assert (folder / "LICENSE").read_text() == "ours"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run_command_line(["new", "--project", "p"]) == 2
    golden("project/taken-all.txt", capsys.readouterr().err)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["new"], "no-name"),
        (["new", "--project", "file"], "a-file"),
        (["new", "--project", "p", "x", "--output", "x.yaml"], "both"),
        (["new", "--project", "p", "Bad Name"], "bad-name"),
        (["new", "--project", "p", "--runtime", "simulate"], "no-runtime"),
        (["new", "--project", "p", "--ci", "jenkins"], "no-recipe"),
    ],
)
def test_refusals(words: list[str], name: str, here: Path, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").touch()
    assert run_command_line(words) == 2
    golden(f"project/{name}.txt", capsys.readouterr().err)
    assert listing(here) == "file\n"


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, f"tunebook[llamacpp]=={__version__}"),
        (
            {"url": "https://forge.example/tunebook.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "tunebook[llamacpp] @ git+https://forge.example/tunebook.git@ab12",
        ),
        (
            {"url": "https://forge.example/t.whl", "archive_info": {}},
            "tunebook[llamacpp] @ https://forge.example/t.whl",
        ),
        (
            {"url": "file:///home/me/tunebook", "dir_info": {"editable": True}},
            f"./wheels/tunebook-{__version__}-py3-none-any.whl[llamacpp]",
        ),
    ],
)
def test_the_requirement_names_where_this_tunebook_came_from(
    origin: dict[str, Any] | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never an index that it did not come from: there the name could be somebody else's."""
    monkeypatch.setattr(_project, "_origin", lambda: origin)
    assert _project.requirement("llamacpp").splitlines()[-1] == line


def test_the_three_site_settings_agree() -> None:
    """This repository's, a project's, and the one of a folder without any: same look, same generated pages."""
    ours, project, bare = (
        settings(ROOT / name)
        for name in ("mkdocs.yml", "runner/templates/project/mkdocs.yml", "report/skeleton/mkdocs.yml")
    )
    own_pages = {"Guide", "Reference"}
    ours["nav"] = [entry for entry in ours["nav"] if not own_pages & set(entry)]
    for config in (ours, project, bare):
        config.pop("site_name")
        config.pop("site_url", None)
    project_snippets = project["markdown_extensions"][-1]
    assert [*ours["markdown_extensions"][:-1], project_snippets] == project["markdown_extensions"]
    ours["markdown_extensions"] = project["markdown_extensions"]
    assert ours == project
    assert project == bare
    start = [ROOT / name / "site/index.md" for name in ("runner/templates/project", "report/skeleton")]
    assert start[0].read_text() == start[1].read_text() == (ROOT / "site/index.md").read_text()
