"""The questions that the SQL page offers: its own, those of the cookbook that the exported tables can answer, and how
the numbers of the other pages are made."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from runner.store.schema import Recipe, cookbook, headlines, recipes_of

NOT_HERE = frozenset({"Where failures lie: each value of a parameter"})
"""Of the cookbook: `params` is a VARIANT, which the file for browsers can not hold. The page has a question of its own
in its place."""


def questions() -> Sequence[Recipe]:
    """All of them, in the order of the page."""
    return (*asked(), *headlines())


def asked() -> Sequence[Recipe]:
    """What people ask: without the queries that only make anew what other pages say."""
    own = files("report.queries").joinpath("_questions.sql").read_text(encoding="utf-8")
    return (*recipes_of(own), *(recipe for recipe in cookbook() if recipe.title not in NOT_HERE))
