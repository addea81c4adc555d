"""What each engine makes of the settings that engines share: every value of every field, and every preset.

The whole of it stands in tests/golden/abstract/ENGINE.txt. What a table says must be flags that the engine has.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from runner.domain.campaign import Entry, Hardware
from runner.domain.parameters import Scalar
from runner.precheck import precheck
from runner.runtimes import abstract_of, runtimes
from runner.runtimes._flags import spell
from runner.space.abstract import FIELDS, NONE, gpus_needed, lacking, refusal, translated
from runner.space.resolve import default_point, resolve
from tests import make

ENGINES = [name for name in runtimes.names() if abstract_of(name) != NONE]
CASES = [(name, value) for name, values in FIELDS.items() for value in values]


def presets(engine: str) -> list[tuple[str, str]]:
    """(`quantization.preset`, its name)."""
    return [(f"{name.partition('.')[0]}.preset", name.partition(".")[2]) for name in abstract_of(engine).presets]


def line(engine: str, name: str, value: Scalar) -> str:
    asked, table = {name: value}, abstract_of(engine)
    refused = refusal(asked, table) if name.endswith(".preset") else lacking(name, value, table)
    if refused:
        return f"{name} {value}: refused ({refused[0]}): {refused[1]}"
    words = " ".join(spell(translated(asked, table), importlib.import_module(f"runner.runtimes.{engine}").FLAGS))
    return f"{name} {value}: {words or 'nothing is said'}"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_an_engine_makes_of_each_setting_is_golden(engine: str, golden: Callable[[str, str], None]) -> None:
    cases = [*CASES, *presets(engine)]
    golden(f"abstract/{engine}.txt", "".join(line(engine, name, value) + "\n" for name, value in cases))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_says_only_what_the_engine_has(engine: str) -> None:
    table, flags = abstract_of(engine), importlib.import_module(f"runner.runtimes.{engine}").FLAGS
    assert set(table.said) | set(table.lacks) == set(FIELDS), "each field is said or lacking"
    for name, value in [*CASES, *presets(engine)]:
        for flag, said in translated({name: value}, table).items():
            assert flag in flags, (name, value, flag)
            assert flags[flag].complaint(said) is None, (name, value, flag, said)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_preset_can_be_had_and_changes_the_command(engine: str) -> None:
    """But for the ones that mean what an engine does by itself."""
    table = abstract_of(engine)
    for name, value in presets(engine):
        assert refusal({name: value}, table) is None, (name, value)
        assert translated({name: value}, table) or value in ("single-gpu", "default"), (name, value)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_shape_that_needs_more_gpus_than_there_are_is_refused(engine: str) -> None:
    table = abstract_of(engine)
    assert gpus_needed({"parallel.tp": 4}, table) == 4
    found = refusal({"parallel.tp": 4, "parallel.pp": 2}, table, gpus=4)
    assert found == ("too-many-gpus", "tp 4 x pp 2 needs 8 GPUs, an attempt has 4")


@pytest.mark.parametrize(("tag", "refused"), [("v0.5.9-cu130", True), ("v0.5.23-cu130", False), ("latest", False)])
def test_a_shared_setting_that_came_with_a_later_version_is_refused(tag: str, refused: bool) -> None:
    options = {"image": f"lmsysorg/sglang:{tag}"}
    entry = Entry("sglang", "sglang", flags={"parallel.tp": 2, "parallel.dcp": 2}, options=options)
    of = make.campaign(entries=(entry,), hardware=Hardware(gpus=2))
    found = precheck(resolve(entry, default_point(entry), abstract_of("sglang")), of)
    reason = "flag 'dcp-size' is not there: it came with 0.5.11, this is 0.5.9"
    assert found == (("flag-of-another-version", reason) if refused else None)
