"""The comparer of golden folders sees what it must see."""

from __future__ import annotations

from pathlib import Path

from tests.golden_tree import accept, compare

MADE = {"a.md": "one\ntwo\n", "deep/b.md": "three\n"}


def test_what_was_accepted_is_the_same(tmp_path: Path) -> None:
    accept(tmp_path, MADE)
    assert not compare(tmp_path, MADE)


def test_a_changed_a_new_and_a_gone_file_are_told_and_shown(tmp_path: Path) -> None:
    accept(tmp_path, MADE)
    found = compare(tmp_path, {"a.md": "one\nzwei & <b>\n", "new.md": "x\n"})
    story = found.story()
    assert "-two" in story
    assert "+zwei & <b>" in story
    assert "deep/b.md: nothing makes it any more" in story
    assert "new.md: new, 1 lines" in story
    page = (tmp_path / "actual/index.html").read_text(encoding="utf-8")
    assert "zwei&nbsp;&amp;" in page
    assert "<b>" not in page
    assert (tmp_path / "actual/a.md").read_text(encoding="utf-8") == "one\nzwei & <b>\n"


def test_accepting_removes_what_is_gone_and_the_differences(tmp_path: Path) -> None:
    accept(tmp_path, MADE | {"kept.txt": "of another test"})
    changed = {"a.md": "other\n"}
    assert compare(tmp_path, changed, ignore=("kept.txt",))
    accept(tmp_path, changed, ignore=("kept.txt",))
    assert not compare(tmp_path, changed, ignore=("kept.txt",))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.md", "kept.txt"]
