from __future__ import annotations

import pytest

from runner.util.visible import visible, visible_line


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain, 40 µs – ok", "plain, 40 µs – ok"),
        ("\x1b[1;32mINFO\x1b[0m loaded", "INFO loaded"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\u202eb\u200bc\x9bd", "a\\u202eb\\u200bc\\x9bd"),
        ("name\tvalue\r\n", "name\tvalue"),
        ("10 %\r50 %\r100 %", "100 %"),
    ],
)
def test_a_line_of_a_log_does_nothing_to_a_terminal(written: str, shown: str) -> None:
    assert visible_line(written) == shown


def test_a_cell_keeps_only_what_is_asked_for() -> None:
    assert visible("a\tb\nc") == "a\\tb\\nc"
    assert visible("a\tb\nc", keep="\t") == "a\tb\\nc"
