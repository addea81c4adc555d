"""Text from outside on a terminal: what would steer the terminal is shown, not obeyed."""

from __future__ import annotations


def visible(text: str) -> str:
    """`text` with every character that can not be seen (control, direction mark, line end) as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def visible_lines(text: str) -> str:
    """The same for a text of our own lines with foreign words in them: its line ends stay."""
    return "\n".join(map(visible, text.split("\n")))
