"""How Jinja reads the templates of pages: an undefined name is an error, and what is printed is escaped, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame

from report import escape


class _Code(CodeGenerator):
    """Jinja would escape what `finalize` gives, and so copy it: that is Markup already."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(f"({finalize.src}")


class _Pages(Environment):
    code_generator_class = _Code

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Most of what a page asks for is a column of a row: Jinja would look for an attribute of that name first."""
        if obj.__class__ is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def environment(filters: Mapping[str, Any], names: Mapping[str, Any]) -> Environment:
    """`names` are there in every template."""
    made = _Pages(
        loader=PackageLoader("report", "pages"),
        undefined=StrictUndefined,
        finalize=escape.printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=True,  # so that macros give Markup; `finalize` has then escaped, for Markdown and HTML at once
    )
    made.filters.update(filters)
    made.globals.update(names)
    return made
