"""Tables take the place of their placeholders, all of them and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from report.postpass import LeftOver, fill, with_tables


def test_a_table_takes_the_place_of_its_placeholder() -> None:
    html = "<p>before</p><!--table:a/b--><!-- a comment -->"
    assert with_tables(html, {"a/b": "<table>1</table>"}) == (
        '<p>before</p><div class="tb-scroll"><table>1</table></div><!-- a comment -->'
    )


def test_a_placeholder_without_a_table_is_an_error() -> None:
    with pytest.raises(LeftOver, match="a/b"):
        with_tables("<!--table:a/b-->", {})


def test_a_table_without_a_placeholder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<!--table:used-->", encoding="utf-8")
    with pytest.raises(LeftOver, match="unused"):
        fill(tmp_path, {"used": "", "unused": ""})


def test_a_table_may_hold_what_looks_like_a_pattern() -> None:
    assert r"\1 \g<0>" in with_tables("<!--table:t-->", {"t": r"\1 \g<0>"})
