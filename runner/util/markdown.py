"""Text from outside in a Markdown comment of a forge (GitHub, GitLab, Gitea): shown as it is, and nothing else.

Everything goes into `<code>`, where forges link no mention, issue or commit; every character that means something to
Markdown, HTML or a link finder is an entity. An `@` gets an invisible break behind it, so that a renderer that looks
for mentions in code too, or a mail made of the comment, calls nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST = 300
"""Characters of one text; more is cut with an ellipsis."""
_PLAIN = re.compile(r"[^\w ,=+%/-]|_", re.UNICODE)
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def code(value: object, longest: int = LONGEST) -> str:
    """`value` on one line, as text that nothing interprets. An empty text is a dash."""
    text = re.sub(r"\s+", " ", _UNSEEN.sub("\ufffd", str(value))).strip()
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return f"<code>{_PLAIN.sub(_entity, text)}</code>" if text else "–"


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};" + ("&#8203;" if match[0] == "@" else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table. Heads and cells are Markdown already: text from outside has passed `code`."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>", ""]


def cut(lines: Sequence[str], most: int, note: str) -> str:
    """The lines as one text of at most `most` characters. What does not fit is left out from the end, at a line, with
    `note` in its place; what was unfolded is closed."""
    text = "\n".join(lines) + "\n"
    if len(text) <= most:
        return text
    room = most - len(note) - len("\n</details>\n\n\n")
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    still_open = kept.count("</details>") < sum(line.startswith("<details>") for line in kept)
    return "\n".join([*kept, *(["", "</details>"] if still_open else []), "", note]) + "\n"
