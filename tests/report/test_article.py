"""The pages of campaigns: HTML without Markdown, in the frame that MkDocs made once."""

from __future__ import annotations

import pytest

from report.article import SLUG, Frame, NoFrame, NotHtml, article, frame_page, in_map
from report.postpass import squeezed
from report.render import Page, Template

PAGE = Page(
    "campaigns/x/index.md",
    '---\ntitle: "x"\n---\n\n# x &#38; y\n\n<p>first</p>\n\n## Two words\n\n<!--table:x/t-->\n\n## Two words\n\n'
    "### Below {: #own }\n\n<p>line\ngoes on</p>\n",
    {"x/t": "<table></table>"},
)
BUILT = """<title>tbframetitle - site</title><link href="../-frame-/index.html"><a href="#tbframeid">skip</a>
<ul><li class="md-nav__item">
  <a href="#tbframeid" class="l"><span>tbframeheading</span></a>
</li></ul>
<article><h1 id="tbframetitle">tbframetitle<a href="#tbframetitle">&para;</a></h1>
<h2 id="tbframeid">tbframeheading<a class="headerlink" href="#tbframeid">&para;</a></h2>
<!--tb-article--></article><footer>"""


def test_headings_and_tables_are_found() -> None:
    found = article(PAGE)
    assert [(one.level, one.anchor, one.text) for one in found.headings] == [
        (1, "x-y", "x &#38; y"), (2, "two-words", "Two words"), (2, "two-words_1", "Two words"), (3, "own", "Below"),
    ]  # fmt: skip
    assert found.parts[2] == '<div class="tb-scroll"><table></table></div>'
    assert found.parts[4] == "<p>line\ngoes on</p>"


@pytest.mark.parametrize("text", ["* a list", "plain words", "**bold**", "```sh"])
def test_markdown_that_is_no_heading_is_an_error(text: str) -> None:
    with pytest.raises(NotHtml, match="campaigns/x"):
        article(Page("campaigns/x/index.md", f"# x\n\n{text}\n"))


def test_a_page_stands_in_its_frame() -> None:
    html = Frame(BUILT).around(article(PAGE), "x & y", "x")
    assert "tbframe" not in html
    assert SLUG not in html
    assert html.startswith('<title>x &amp; y - site</title><link href="../x/index.html"><a href="#two-words">skip</a>')
    contents = html.partition("<article>")[0]
    assert contents.count("<li ") == 2, "headings of the second level"
    assert '<a href="#two-words_1" class="l"><span>Two words</span></a>' in contents
    assert '<h1 id="x-y">x &#38; y<a class="headerlink" href="#x-y">' in html
    assert '<h3 id="own">Below<a class="headerlink" href="#own">&para;</a></h3>\n<p>line' in html
    assert html.endswith("</article><footer>")


def test_a_theme_without_a_place_for_it_is_an_error() -> None:
    with pytest.raises(NoFrame):
        Frame(BUILT.replace("<!--tb-article-->", ""))


def test_the_frame_lies_where_the_pages_do() -> None:
    page = frame_page(Template("campaign", "", "{campaign}", "campaigns/{slug}/index.md", hide=("navigation",)))
    assert page.path == "campaigns/-frame-/index.md"
    assert "hide: [navigation]" in page.markdown


def test_the_map_names_every_campaign() -> None:
    text = "<urlset>\n  <url><loc>s/index.html</loc></url>\n  <url><loc>s/c/-frame-/index.html</loc></url>\n</urlset>\n"
    assert in_map(text, ["a", "b"]) == text.replace(
        "\n  <url><loc>s/c/-frame-/index.html</loc></url>",
        "\n  <url><loc>s/c/a/index.html</loc></url>\n  <url><loc>s/c/b/index.html</loc></url>",
    )
    assert SLUG not in in_map(text, [])


def test_indentation_goes_where_it_is_not_seen() -> None:
    kept = "<pre>  a\n\n  b</pre>"
    script = "<script>\n  // a comment\n  run()\n</script>"
    assert squeezed(f"<p>\n\n   x  y\n  </p>{kept}\n   {script}\n\n") == f"<p>\nx  y\n</p>{kept}\n{script}\n"
