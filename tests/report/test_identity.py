"""`[site]` of tunebook.toml: in the built pages, and refused with its line where it is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report import shades
from report.build import Built, build_site
from report.identity import Identity, identity
from runner.errors import UsageError
from tests.report.conftest import make_small_project

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>\n'
SITE = """\
[tunebook]
results = "results"

[site]
title = "Serving at R&D"
logo = "ours/mark.svg"
accent = "#7a1fa2"
url = "https://tunes.example/engines"
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Built:
    project = make_small_project(tmp_path_factory.mktemp("identity") / "project")
    (project / "ours").mkdir()
    (project / "ours" / "mark.svg").write_text(LOGO, encoding="utf-8")
    (project / "tunebook.toml").write_text(SITE, encoding="utf-8")
    return build_site(empty, project, None)


def test_every_page_has_title_logo_and_address(ours: Built) -> None:
    pages = [path for path in ours.out.rglob("*.html") if path.name != "404.html"]
    assert len(pages) > 4
    for path in pages:
        text, place = path.read_text(encoding="utf-8"), path.relative_to(ours.out).as_posix()
        assert re.search(r"<title>(.* - )?Serving at R&D</title>", text), place
        (logo,) = set(re.findall(r'<img src="([^"]+)" alt="logo">', text))
        assert (path.parent / logo).read_text(encoding="utf-8") == LOGO
        assert f'<link rel="icon" href="{logo}">' in text
        address = re.search(r'<link rel="canonical" href="([^"]+)"', text)
        assert address, place
        assert address[1].startswith("https://tunes.example/engines/"), place
    assert "https://tunes.example/engines/results/failures.html" in (ours.out / "sitemap.xml").read_text("utf-8")


def test_the_accent_is_in_the_style(ours: Built) -> None:
    css = (ours.out / "results/assets/site.css").read_text(encoding="utf-8")
    last = css[css.rindex("The accent of [site]") :]
    assert "--md-primary-fg-color: #7a1fa2;" in last
    assert last.count("--md-typeset-a-color") == 2, "for a light and for a dark page"


def test_without_a_section_all_is_as_mkdocs_says(empty: Path, tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project")
    assert identity(project) == Identity()
    (project / "tunebook.toml").write_text("[tunebook]\n", encoding="utf-8")
    built = build_site(empty, project, None)
    assert "<title>Results - tunebook</title>" in (built.out / "index.html").read_text(encoding="utf-8")
    assert "The accent of" not in (built.out / "results/assets/site.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "why", "hint"),
    [
        ('accent = "bleu"', "accent of [site] in tunebook.toml is no colour: 'bleu'", "#rrggbb"),
        ("accent = 7", "is no colour: 7", "#rrggbb"),
        ('accent = "#12345"', "is no colour", "#rrggbb"),
        ('title = ""', "is no title", None),
        ('title = "two\\nlines"', "is no title", None),
        ('title = "<b>bold</b>"', "would be read as HTML", "without them"),
        (f'title = "{"x" * 81}"', "at most 80 characters", None),
        ('logo = "none.svg"', "is not there", "project folder"),
        ('logo = "tunebook.toml"', "is no picture for a page", ".svg"),
        ('logo = "large.png"', "is too large: 1,000,001 bytes", "64 by 64"),
        ('url = "tunes.example"', "is no address of a site", "https://HOST/"),
        ('url = "https://me:secret@tunes.example/"', "is no address of a site", "https://HOST/"),
        ('url = "https://tunes.example/?a=b"', "is no address of a site", "https://HOST/"),
        ('sql = "yes"', "is neither true nor false", None),
        ('tittle = "x"', "unknown key 'tittle'", "did you mean title?"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, why: str, hint: str | None, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(b"x" * 1_000_001)
    (tmp_path / "tunebook.toml").write_text(f"[tunebook]\n\n[site]\n# ours\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        identity(tmp_path)
    assert why in caught.value.what
    assert str(caught.value.where) == f"{tmp_path / 'tunebook.toml'}:5"
    assert hint is None or hint in str(caught.value.hint)


def test_a_table_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tunebook.toml").write_text("[tunebook]\n[sites]\ntitle = 'x'\n", encoding="utf-8")
    with pytest.raises(UsageError, match="unknown 'sites'") as caught:
        identity(tmp_path)
    assert str(caught.value.where).endswith("tunebook.toml:2")
    assert "did you mean site?" in str(caught.value.hint)


def test_a_wrong_colour_stops_the_build_before_anything_is_written(empty: Path, tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project")
    (project / "tunebook.toml").write_text('[site]\naccent = "red"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="no colour"):
        build_site(empty, project, None)
    assert not (project / "public").exists()
    assert not (project / "site" / "results").exists()


colours = st.tuples(*[st.integers(0, 255)] * 3)


@given(colours)
def test_any_accent_can_be_read(accent: shades.Colour) -> None:
    ground = shades.header(accent)
    assert shades.contrast(shades.mixed(ground, shades.WHITE, 0.7), ground) >= 4.5
    assert shades.contrast(shades.link(accent, dark=False), shades.WHITE) >= 4.5
    assert shades.contrast(shades.link(accent, dark=True), (0x26, 0x2F, 0x36)) >= 4.5


def test_a_colour_that_can_be_read_stays() -> None:
    assert shades.header((0x7A, 0x1F, 0xA2)) == (0x7A, 0x1F, 0xA2)
    assert shades.link((0x7A, 0x1F, 0xA2), dark=False) == (0x7A, 0x1F, 0xA2)
    assert shades.contrast(shades.BLACK, shades.WHITE) == pytest.approx(21)
    assert shades.parsed("#abc") == (0xAA, 0xBB, 0xCC)
