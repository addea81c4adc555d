"""A build that was killed: the next one removes what it left, and a site that stood is there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from report.website import MARK, OLD, replacing
from runner.errors import NotReady


def a_site(folder: Path, text: str) -> Path:
    (folder / "results" / "data").mkdir(parents=True)
    (folder / "results" / "data" / MARK).write_text("{}", encoding="utf-8")
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_build_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    out = a_site(tmp_path / "public", "old")
    (tmp_path / ".public-0123abcd").mkdir()
    a_site(tmp_path / f".public-4567abcd{OLD}", "older")
    (tmp_path / ".public-notes").mkdir()
    with replacing(out) as other, replacing(out) as fresh:
        a_site(fresh, "new")
        assert other.is_dir(), "it is being built now"
    assert names(tmp_path) == [".public-notes", "public"]


def test_killed_between_the_two_renames_the_old_site_comes_back(tmp_path: Path) -> None:
    out = tmp_path / "public"
    a_site(tmp_path / f".public-0123abcd{OLD}", "old")
    (tmp_path / ".public-0123abcd").mkdir()
    with pytest.raises(NotReady, match="no snapshot"), replacing(out):
        raise NotReady("no snapshot")
    assert (out / "index.html").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["public"]
