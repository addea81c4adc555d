"""Text from outside stays text: in Markdown, in HTML, in a title, in a path."""

from __future__ import annotations

import html
from datetime import datetime

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from report import escape
from tests.report.conftest import EVIL

LINES = ["# heading", "- item", "1. item", "> quote", "    code", "```", "---", "===", "!!! note", "--8<-- \"x\"",
         "[a](javascript:b)", "![a](b)", "<b>", "*a* _b_ `c` ~~d~~", "| a | b |", "a\n\nb", "[TOC]", "{: #id }",
         "&lt;", "\\*", ": definition", "+++", "2) item", "<!--table:x-->", "http://a.b/?c=d&e"]  # fmt: skip


@pytest.mark.parametrize("text", LINES)
def test_markdown_shows_it_as_it_is(text: str) -> None:
    shown = markdown.markdown(
        str(escape.inline(text)),
        extensions=["tables", "attr_list", "admonition", "toc", "md_in_html", "pymdownx.superfences"],
    )
    assert shown.startswith("<p>")
    assert shown.count("<") == 2, shown
    assert html.unescape(shown[3:-4]).strip() == " ".join(text.split())


@given(st.text())
def test_any_text_is_one_paragraph_and_no_tag(text: str) -> None:
    escaped = str(escape.inline(text))
    assert not set(escaped) & set("<>\n\"'`*_[]")


def test_a_block_keeps_its_lines_and_is_one_line_of_source() -> None:
    escaped = str(escape.block("a: <b>\n\n  - c"))
    assert "\n" not in escaped
    assert html.unescape(escaped) == "a: <b>\n\n  - c"


def test_only_markup_passes() -> None:
    assert escape.printed(Markup("<b>")) == "<b>"
    assert escape.printed(None) == "–"
    assert escape.printed(True) == "yes"
    assert escape.printed(3) == "3"
    assert "<" not in escape.printed("<b>")


def test_a_bare_number_or_time_does_not_pass() -> None:
    with pytest.raises(TypeError, match="no unit"):
        escape.printed(1.5)
    with pytest.raises(TypeError, match="when"):
        escape.printed(datetime(2026, 1, 1))


def test_a_title_can_not_leave_the_title() -> None:
    assert escape.title("</title><script>") == "_/title_script_"


@pytest.mark.parametrize("name", ["../../etc", EVIL, "", "A b", "x" * 300, ".hidden", "ümlaut"])
def test_a_path_stays_in_its_folder(name: str) -> None:
    slug = escape.slug(name)
    assert slug
    assert "/" not in slug
    assert not slug.startswith(".")
    assert len(slug) < 100
    assert slug == escape.slug(name)


def test_a_harmless_name_is_its_own_path_and_two_names_have_two() -> None:
    assert escape.slug("llama3-8b.h100_chat") == "llama3-8b.h100_chat"
    assert escape.slug("A b") != escape.slug("a b")


def test_what_can_not_be_seen_is_shown() -> None:
    assert escape.inline("a\u202eb") == "a\ufffdb"
