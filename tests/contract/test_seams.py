"""What every seam promises: its members are found from the folder, lazily, whole, under the names of their files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import UnknownMember
from tests.contract.seams import MEMBERS, SEAMS, check_annotated, check_named, check_whole, module_of, protocol

SUITES = Path(__file__).parent
DESIGN = {
    "runner.runtimes", "runner.deployers", "runner.loadgens", "runner.samplers", "runner.executors", "report.charts",
}  # fmt: skip


def test_the_seams_of_the_design_are_found() -> None:
    assert set(SEAMS) >= DESIGN


@pytest.mark.parametrize("package", SEAMS)
def test_a_seam_has_members_and_a_suite_of_its_own(package: str) -> None:
    assert SEAMS[package].names()
    assert (SUITES / f"test_{package.rpartition('.')[2]}.py").is_file()


@pytest.mark.parametrize("package", SEAMS)
def test_a_wrong_name_gets_the_near_one(package: str) -> None:
    name = SEAMS[package].names()[0]
    with pytest.raises(UnknownMember) as refused:
        SEAMS[package].get(f"{name}x")
    assert refused.value.hint == f"did you mean {name!r}?"


@pytest.mark.parametrize(("package", "name"), MEMBERS)
def test_a_member_is_whole_and_annotated(package: str, name: str) -> None:
    kind = protocol(package)
    check_annotated(module_of(package, name), SEAMS[package].constant, kind)
    check_whole(SEAMS[package].get(name), kind)
    check_named(SEAMS[package].get(name), name)


@pytest.mark.parametrize(("package", "name"), MEMBERS)
def test_a_member_says_what_it_is(package: str, name: str) -> None:
    assert (module_of(package, name).__doc__ or "").strip(), "the first line of the file is what documentation shows"


def test_listing_imports_no_member_and_getting_imports_one() -> None:
    """In a process of its own: here everything is imported already."""
    code = """
import json, sys
from importlib import import_module
wanted, said = json.loads(sys.argv[1]), {}
for package, (attribute, names) in wanted.items():
    folder = getattr(import_module(package), attribute)
    assert folder.names() == names
    loaded = lambda: sorted(n for n in names if f"{package}.{n.replace('-', '_')}" in sys.modules)
    before = loaded()
    folder.get(names[0])
    said[package] = [before, loaded()]
print(json.dumps(said))
"""
    wanted = {}
    for package, folder in SEAMS.items():
        attribute = next(key for key, value in vars(sys.modules[package]).items() if value is folder)
        wanted[package] = (attribute, folder.names())
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(wanted)], capture_output=True, text=True, check=True, timeout=120
    )
    said = json.loads(done.stdout)
    assert said == {package: [[], [folder.names()[0]]] for package, folder in SEAMS.items()}
