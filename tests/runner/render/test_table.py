"""Tables of what others wrote."""

from __future__ import annotations

from runner.render.table import markdown, markdown_table, text_table, visible


def test_columns_are_aligned_and_numbers_stand_right() -> None:
    lines = text_table(("file", "n", "why"), [("a.yaml", "1", ""), ("longer.yaml", "12", "it ran")], right=(1,))
    assert lines == ["file          n  why", "a.yaml        1", "longer.yaml  12  it ran"]


def test_what_a_terminal_would_obey_is_gone() -> None:
    assert visible("a\x1b[31mred\x1b[0m\r\nb\u202ec") == "a [31mred [0m b c"


def test_markdown_is_shown_and_never_meant() -> None:
    hostile = "x|<img src=x> [a](javascript:b) `c` **d** @all &lt; line\nend"
    row = markdown_table(("cell",), [(hostile,)])[2]
    assert not set("<>[]`*@") & set(row)
    assert row.count("|") == 2
    assert markdown("a|b") == "a&#124;b"
    assert "javascript&#58;" in row
