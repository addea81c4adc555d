"""The invariants of the design (9) that a machine can check, over every file of the product.

| invariant | enforced by |
|---|---|
| 1, 2 | import-linter (`make lint`); here: its layers name every module |
| 3 | import-linter; here: every seam, found from its folder |
| 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 17, 18 | a rule of `rules.py`, each shown to see what breaks it |
| 5 | also triggers (tests/runner/store/test_guard.py) and `store verify` |
| 6 | also manifests (tests/runner/store/test_record.py, test_verify.py) |
| 7, 8 | also tests/contract: nothing is left, and what is beside survives |
| 10 | ruff TID253; test_help.py |
| 11 | also the canaries of tests/stories/test_secrets.py |
| 13 | the templates refuse a bare number (tests/contract/test_pages.py); here: every metric has its unit |
| 14 | also runner.stats.compare (tests/runner/stats) |
| 15 | also tests/report/test_build.py and test_pages.py: built twice, compared; tests/golden/site |
| 16 | tests/contract/test_seams.py; tests/golden/campaign-errors |
| 17 | also hostile text: tests/report/test_build.py, tests/browser |
"""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from runner.domain.metrics import METRICS, format_value
from tests.architecture.rules import BREAKS, ROOT, RULES, Rule, imported, sources
from tests.contract.seams import SEAMS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_file_breaks_it(rule: Rule) -> None:
    broken = {path: found for path, tree in sources() if (found := rule(path, tree))}
    assert broken == {}, rule.__doc__


@pytest.mark.parametrize("name", BREAKS)
def test_a_file_that_breaks_it_is_seen(name: str) -> None:
    rule, path, text = BREAKS[name]
    assert rule(path, ast.parse(text)), f"{rule.__name__} is blind to this"


def configuration() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_layers_name_every_module_of_runner() -> None:
    """What they do not name, the import linter lets import anything."""
    contracts = configuration()["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}
    modules = {
        path.stem for path in (ROOT / "runner").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert modules - named - {"__init__", "__main__"} == set()
    assert named - modules == set(), "a layer of a module that is gone"


def strangers(package: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """Members of a seam that import another member of it."""
    members = {name.replace("-", "_") for name in names}
    for path, tree in sources(package.replace(".", "/")):
        inside = path.removeprefix(f"{package.replace('.', '/')}/").removesuffix(".py").partition("/")[0]
        for name in imported(tree):
            if name.startswith(f"{package}."):
                other = name.removeprefix(f"{package}.").partition(".")[0]
                if inside in members and other in members - {inside}:
                    yield path, name


@pytest.mark.parametrize("package", SEAMS)
def test_members_of_a_seam_do_not_know_each_other(package: str) -> None:
    assert list(strangers(package, SEAMS[package].names())) == []


def test_a_member_that_knows_another_is_seen() -> None:
    """Were `_template` a member, its users would be strangers that know it."""
    assert list(strangers("runner.runtimes", [*SEAMS["runner.runtimes"].names(), "_template"]))


def imports(trees: Iterable[tuple[str, ast.Module]]) -> dict[str, set[str]]:
    """Module -> those of the given modules that it imports, at its head or inside a function."""
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree for path, tree in trees}
    return {
        name: {other for other in imported(tree) if other in modules and other != name}
        for name, tree in modules.items()
    }


def test_no_module_imports_itself_by_a_detour() -> None:
    TopologicalSorter(imports(sources())).prepare()


def test_a_detour_is_seen() -> None:
    texts = {"runner/a.py": "from runner import b", "runner/b.py": "def f():\n    from runner.a import x"}
    with pytest.raises(CycleError):
        TopologicalSorter(imports((path, ast.parse(text)) for path, text in texts.items())).prepare()


def test_every_metric_has_unit_direction_and_words() -> None:
    for name, metric in METRICS.items():
        assert metric.unit, name
        assert metric.title, name
        shown = format_value(1234.5, metric)
        assert re.search(r"\d", shown), name
        assert metric.unit in ("ratio", "count", "s") or metric.unit in shown or not metric.unit.isascii(), (
            name,
            shown,
        )


SAFE = re.compile(r"""(?<!["'\s])\s*\|\s*safe\b""")
"""Not after a text that the template itself spells out."""
SAFE_HERE = {"_parts.j2": 1}
"""The mark of a badge, from a table in the template; never a value."""


def test_templates_trust_no_value() -> None:
    found = {
        path.name: count
        for path in sorted((ROOT / "report/pages").glob("*.j2"))
        if (count := len(SAFE.findall(path.read_text(encoding="utf-8"))))
    }
    assert found == SAFE_HERE
    assert SAFE.findall("""{{ name|safe }}{{ name | safe }}{{ "a" | safe }}""") == ["|safe", " | safe"]


def lengths() -> dict[str, int]:
    return {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in sources()}


def functions() -> dict[str, int]:
    return {
        f"{path}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_a_file_is_one_concept_and_a_function_fits_a_screen() -> None:
    """Ceilings a little above today: who needs more has found a second concept."""
    by_file = lengths()
    assert {path: count for path, count in by_file.items() if count > 400} == {}
    assert len([count for count in by_file.values() if count > 300]) <= 9
    assert statistics.median(count for count in by_file.values() if count) <= 110
    assert {name: count for name, count in functions().items() if count > 60} == {}


def test_no_drawer_for_everything_and_nothing_left_to_do() -> None:
    drawers = [path for path, _ in sources() if Path(path).stem in ("utils", "helpers", "misc", "common")]
    assert drawers == []
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    left = [
        str(path.relative_to(ROOT))
        for folder in ("runner", "report")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".sql", ".j2", ".js", ".css", ".toml")
        and marks.search(path.read_text(encoding="utf-8"))
    ]
    assert left == []
