from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.campaign import Entry
from runner.domain.parameters import Choice, EntrySpace, Float, Int, Scalar
from runner.runtimes import _flags
from runner.runtimes._flags import Flag

TABLE = {
    "threads": Flag("threads", "int", "threads", minimum=0, maximum=8),
    "share": Flag("share", "float", "share", minimum=0.0, maximum=1.0),
    "mode": Flag("mode", "choice", "mode", choices=("auto", "on", "off")),
    "size": Flag("size", "choice", "size", choices=(8, 16)),
    "warmup": Flag("warmup", "bool", "warm up"),
    "name": Flag("name", "text", "a name"),
}


@pytest.mark.parametrize(
    ("flag", "good"),
    [("threads", 8), ("share", 0.5), ("share", 1), ("mode", "on"), ("size", 8), ("warmup", False), ("name", "x")],
)
def test_a_right_value_has_no_complaint(flag: str, good: Scalar) -> None:
    assert TABLE[flag].complaint(good) is None


@pytest.mark.parametrize(
    ("flag", "bad", "words"),
    [
        ("threads", -1, "below the smallest value, 0"),
        ("threads", 9, "above the largest value, 8"),
        ("threads", "many", "is no whole number"),
        ("threads", True, "is no whole number"),
        ("threads", 1.5, "is no whole number"),
        ("share", "half", "is no number"),
        ("mode", "onn", "did you mean 'on'?"),
        ("mode", True, "not one of auto, on, off"),
        ("size", "8", "not one of 8, 16"),
        ("size", 12, "not one of 8, 16"),
        ("warmup", "yes", "neither true nor false"),
        ("warmup", 1, "neither true nor false"),
        ("name", 3, "is no text"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(flag: str, bad: Scalar, words: str) -> None:
    assert words in (TABLE[flag].complaint(bad) or "")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("thread", "did you mean 'threads'?"),
        ("--threads", "write 'threads'"),
        ("no-warmup", "write `warmup: false`"),
        ("zzz", "known flags: mode, name"),
    ],
)
def test_an_unknown_flag_has_a_hint(name: str, hint: str) -> None:
    [problem] = _flags.problems(Entry("e", "r", flags={name: 1}), TABLE)
    assert problem.slug == "unknown-flag"
    assert hint in (problem.hint or "")


@pytest.mark.parametrize(
    ("options", "version"),
    [
        ({}, None),
        ({"image": "vllm/vllm-openai:v0.33.0"}, "0.33.0"),
        ({"image": "lmsysorg/sglang:v0.5.23-cu130"}, "0.5.23"),
        ({"image": "registry:5000/team/vllm"}, None),
        ({"image": "vllm/vllm-openai:latest"}, None),
        ({"image": "vllm/vllm-openai:v0.33.0@sha256:12.3"}, "0.33.0"),
        ({"image": "vllm/vllm-openai@sha256:12.3"}, None),
        ({"version": "5.23.0", "image": "x:v1.2"}, "5.23.0"),
    ],
)
def test_the_version_of_an_entry(options: dict[str, str], version: str | None) -> None:
    assert _flags.version_of(Entry("e", "r", options=options)) == version


@pytest.mark.parametrize(
    ("version", "what"),
    [
        ("0.9.9", "e: flag 'x' is not there: it came with 0.10.0, this is 0.9.9"),
        ("0.10.0", None),
        ("0.11.3rc1", None),
        ("0.12", "e: flag 'x' is not there: it went with 0.12.0, this is 0.12"),
        (None, None),
    ],
)
def test_a_flag_that_a_version_has_not(version: str | None, what: str | None) -> None:
    table = {"x": Flag("x", "int", "about", since="0.10.0", until="0.12.0")}
    found = _flags.problems(Entry("e", "r", flags={"x": 1}, options={"version": version}), table)
    assert [problem.what for problem in found] == ([what] if what else [])


def test_flags_that_nobody_knows_pass_where_the_entry_says_so() -> None:
    unsupported = {"tp": "it has one GPU only"}
    entry = Entry("e", "r", flags={"new": 1, "threads": -1, "tp": 2}, options={"allow_unknown_flags": True})
    found = _flags.problems(entry, TABLE, unsupported=unsupported)
    assert [(problem.what, problem.hint) for problem in found] == [
        ("e: flag 'threads': -1 is below the smallest value, 0", "threads"),
        ("e: flag 'tp' is not supported by this engine", "it has one GPU only"),
    ]


def test_the_space_is_checked_as_the_fixed_flags_are() -> None:
    space = EntrySpace(
        "e",
        {
            "threads": Int(-1, 9),
            "share": Float(0.1, 0.9),
            "mode": Choice(("on", "aut")),
            "env.OMP_NUM_THREADS": Choice((1, 2)),
            "port": Choice((1,)),
        },
    )
    found = _flags.problems(Entry("e", "r", space=space), TABLE, reserved=("port",))
    assert [(p.slug, p.what) for p in found] == [
        ("flag-value", "e: flag 'threads': -1 is below the smallest value, 0"),
        ("flag-value", "e: flag 'threads': 9 is above the largest value, 8"),
        ("flag-value", "e: flag 'mode': 'aut' is not one of auto, on, off; did you mean 'auto'?"),
        ("reserved-flag", "e: flag 'port' is set by tunebook"),
    ]


def test_spelling() -> None:
    flags: dict[str, Scalar] = {"b": True, "a": 1, "c": False, "d": "x y", "e": 0.5}
    assert _flags.spell(flags) == ("--a", "1", "--b", "--no-c", "--d", "x y", "--e", "0.5")


def test_a_bool_is_spelled_as_its_engine_wants_it() -> None:
    table = {name: Flag(name, "bool", spelling=name) for name in ("both", "switch", "value")}
    assert _flags.spell(dict.fromkeys(table, True), table) == ("--both", "--switch", "--value", "true")
    assert _flags.spell(dict.fromkeys(table, False), table) == ("--no-both", "--value", "false")


@pytest.mark.parametrize("path", sorted(Path(_flags.__file__).parent.glob("*/flags.toml")), ids=lambda p: p.parent.name)
def test_every_table_is_whole(path: Path) -> None:
    table = _flags.load(path)
    assert table
    for flag in table.values():
        assert flag.type in ("int", "float", "choice", "bool", "text")
        assert flag.about, flag.name
        assert flag.default is not None, flag.name
        assert bool(flag.choices) == (flag.type == "choice"), flag.name
        assert not flag.name.startswith("no-"), flag.name
        assert flag.spelling in ("both", "switch", "value", "on-off"), flag.name
