"""Text from outside stays text in a comment: no link, mention, issue, heading, table cell or tag comes of it."""

from __future__ import annotations

import html
import re

import markdown
import pytest

from runner.util.markdown import code, cut, folded, table

HOSTILE = [
    "@octocat and @org/team",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "a | b | c",
    "`code` **bold** __init__ ~~gone~~ # head",
    "line one\n\n# heading\n- list\n| a | b |",
    "http://evil.example www.evil.example someone@evil.example",
    "closes #1, GH-2, org/repo#3",
    "</code></details><h1>out</h1>",
    "&lt;b&gt; &#64;me",
    "\u202egnp.exe \x1b[31mred",
    ":smile: $$x$$",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_comes_of_it(text: str) -> None:
    made = code(text)
    inner = made.removeprefix("<code>").removesuffix("</code>")
    assert re.sub(r"&#\d+;", "", inner).replace(" ", "").isprintable()
    assert not re.search(r"[<>@#`*_~|\[\]()!:.$\\\n\x1b\u202e]", re.sub(r"&#\d+;", "", inner))
    page = markdown.markdown("\n".join(table(("", ""), [("name", made)])), extensions=["tables"])
    assert page.count("<td") == 2
    assert not re.search(r"<(?!/?(?:table|thead|tbody|tr|th|td|code)\b)", page)
    seen = re.sub(r"\s+", " ", text).replace("@", "@\u200b").replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")
    assert html.unescape(inner) == seen.strip()


def test_a_mention_is_broken_even_where_entities_are_resolved() -> None:
    assert not re.search(r"@\w", html.unescape(code("@octocat @org/team x@y.example")))


def test_long_and_empty_texts() -> None:
    assert code("x" * 1000) == f"<code>{'x' * 299}&#8230;</code>"
    assert code(" ") == "–"


def test_what_is_too_long_is_cut_at_a_line_with_a_note_and_closed() -> None:
    lines = ["# head", *folded("many", [f"| row {n} |" for n in range(1000)]), "end"]
    text = cut(lines, 2000, "*cut*")
    assert len(text) <= 2000
    assert text.endswith("|\n\n</details>\n\n*cut*\n")
    assert cut(["a", "b"], 100, "*cut*") == "a\nb\n"
