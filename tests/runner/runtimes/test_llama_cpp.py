from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Campaign, Entry, Scenario
from runner.domain.parameters import Choice, EntrySpace, Scalar
from runner.domain.trial import Configuration
from runner.runtimes.llama_cpp import FLAGS, HERE, RUNTIME
from tests import make


def campaign(tokens: int) -> Campaign:
    given = make.campaign()
    scenario = Scenario(f"D({tokens - 32},32)", "D", tokens - 32, 32)
    return replace(given, workload=replace(given.workload, scenarios=(scenario,)))


@pytest.mark.parametrize(
    ("flags", "tokens", "refused"),
    [
        ({}, 4096, False),  # what the model was trained with: not known here
        ({"ctx-size": 2048}, 2048, False),
        ({"ctx-size": 2048}, 2049, True),  # one slot is the default
        ({"ctx-size": 2048, "parallel": 4}, 512, False),
        ({"ctx-size": 2048, "parallel": 4}, 513, True),
        ({"ctx-size": 2048, "parallel": 4, "kv-unified": True}, 2048, False),
        ({"ctx-size": 300, "parallel": 4}, 256, False),  # a slot is rounded up to 256
        ({"ctx-size": 300, "parallel": 4}, 257, True),
        ({"ctx-size": 0, "parallel": 4}, 4096, False),
        ({"parallel": 8}, 4096, False),
    ],
)
def test_a_slot_must_hold_a_request(flags: dict[str, Scalar], tokens: int, refused: bool) -> None:
    found = RUNTIME.reject(Configuration("e", "llama_cpp", {}, flags, {}, "0" * 16), campaign(tokens))
    assert (found is not None) == refused
    if found is not None:
        rule, reason = found
        assert rule == "slot-too-small"
        assert str(tokens) in reason
        assert str(flags["ctx-size"]) in reason


def test_the_launcher_knows_the_flags_of_the_table_and_no_other() -> None:
    """It runs without tunebook: -I keeps our package out of its path."""
    said = subprocess.run(
        [sys.executable, "-I", str(HERE / "launcher.py"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    for name, flag in FLAGS.items():
        assert f"--{name} " in said or f"--{name}\n" in said or f"--{name}," in said, name
        assert (f"--no-{name}" in said) == (flag.type == "bool"), name


def test_flags_that_tunebook_sets_are_refused() -> None:
    for name in ("model", "alias", "host", "port"):
        [problem] = RUNTIME.check(Entry("e", "llama_cpp", flags={name: "x"}))
        assert problem.slug == "reserved-flag"


def test_the_quickstart_spellings_are_right() -> None:
    space = EntrySpace("e", {"flash-attn": Choice(("auto", "on", "off")), "batch-size": Choice((1, 2048))})
    assert RUNTIME.check(Entry("e", "llama_cpp", flags={"cache-type-v": "q8_0"}, space=space)) == []


def test_a_missing_interpreter_is_named() -> None:
    [problem] = RUNTIME.needs(Entry("e", "llama_cpp", options={"python": "/nowhere/python"}))
    assert problem.slug == "engine-missing"
    assert "/nowhere/python" in problem.what


def test_an_interpreter_without_the_package_is_named(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    [problem] = RUNTIME.needs(Entry("e", "llama_cpp", options={"python": str(bare)}))
    assert "xllamacpp" in problem.what
    assert f"{bare} -m pip install xllamacpp" in (problem.hint or "")
