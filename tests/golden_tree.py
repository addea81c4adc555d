"""Compares a folder of golden texts with what is made now, and leaves the differences to be looked at in a browser.

    found = compare(GOLDEN / "site", {"failures.md": "..."}, ignore=("outline.txt",))
    assert not found, found.story()

Every golden file that nothing makes any more is a difference too. On a difference `actual/` beside the golden files
(git ignores it) holds what was made, and `actual/index.html` both sides.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ACTUAL = "actual"
STYLE = "td{font:12px monospace} .diff_add{background:#cfc} .diff_sub{background:#fcc} .diff_chg{background:#ffc}"
SHOWN = 60
"""Lines of a difference in a message; the browser shows all."""


@dataclass(frozen=True)
class Differences:
    """Name -> (golden text, text of now); None for a side that does not have it."""

    folder: Path
    files: Mapping[str, tuple[str | None, str | None]]

    def __bool__(self) -> bool:
        return bool(self.files)

    def story(self) -> str:
        """What differs, the first lines of each, and where to see the rest."""
        parts = [f"{len(self.files)} golden files differ; see {self.folder / ACTUAL / 'index.html'}, or `make golden`"]
        for name, (before, now) in self.files.items():
            lines = list(_lines(before, now, name))
            parts += [line[:300] for line in lines[:SHOWN]]
            if len(lines) > SHOWN:
                parts.append(f"... and {len(lines) - SHOWN} lines more")
        return "\n".join(parts)


def compare(folder: Path, made: Mapping[str, str], ignore: Sequence[str] = ()) -> Differences:
    """What differs between the files of `folder` and `made`. `ignore` names files of the folder that others compare."""
    golden = {name: text for name, text in _read(folder).items() if name not in ignore}
    names = sorted(golden.keys() | made.keys())
    files = {name: (golden.get(name), made.get(name)) for name in names if golden.get(name) != made.get(name)}
    shutil.rmtree(folder / ACTUAL, ignore_errors=True)
    found = Differences(folder, files)
    if found:
        _leave(found)
    return found


def accept(folder: Path, made: Mapping[str, str], ignore: Sequence[str] = ()) -> None:
    """Make the files of `folder` those of `made`."""
    for name in _read(folder).keys() - made.keys() - set(ignore):
        (folder / name).unlink()
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    shutil.rmtree(folder / ACTUAL, ignore_errors=True)


def _read(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ACTUAL not in path.relative_to(folder).parts
    }


def _lines(before: str | None, now: str | None, name: str) -> Sequence[str]:
    if now is None:
        return [f"--- {name}: nothing makes it any more"]
    if before is None:
        return [f"+++ {name}: new, {len(now.splitlines())} lines"]
    return list(difflib.unified_diff(before.splitlines(), now.splitlines(), f"golden/{name}", "now", lineterm=""))


def _leave(found: Differences) -> None:
    """Texts as they are now, and one page that shows both sides of each."""
    actual = found.folder / ACTUAL
    tables = []
    maker = difflib.HtmlDiff(tabsize=2, wrapcolumn=100)
    for name, (before, now) in found.files.items():
        if now is not None:
            (actual / name).parent.mkdir(parents=True, exist_ok=True)
            (actual / name).write_text(now, encoding="utf-8")
        sides = (before or "").splitlines(), (now or "").splitlines()
        tables.append(f"<h2>{escape(name)}</h2>" + maker.make_table(*sides, "golden", "now", context=True, numlines=2))
    actual.mkdir(parents=True, exist_ok=True)
    head = f"<!doctype html><meta charset=utf-8><title>differences</title><style>{STYLE}</style>"
    (actual / "index.html").write_text(head + "".join(tables), encoding="utf-8")
