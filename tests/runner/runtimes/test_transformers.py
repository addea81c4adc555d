from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Campaign, Entry, Hardware, Scenario
from runner.domain.parameters import Choice, EntrySpace, Scalar
from runner.domain.trial import Configuration, Placement
from runner.runtimes import needs_folder
from runner.runtimes.transformers import HERE, RUNTIME, UNSUPPORTED
from tests import make

PAGED: dict[str, Scalar] = {"continuous-batching": True}


def campaign(tokens: int = 137, gpus: int = 0) -> Campaign:
    given = make.campaign()
    scenario = Scenario(f"D({tokens - 32},32)", "D", tokens - 32, 32)
    workload = replace(given.workload, scenarios=(scenario,))
    return replace(given, workload=workload, hardware=Hardware(gpus=gpus))


def configuration(flags: dict[str, Scalar]) -> Configuration:
    return Configuration("e", "transformers", {}, flags, {}, "0" * 16)


@pytest.mark.parametrize(
    ("flags", "rule", "words"),
    [
        ({}, None, ""),
        (PAGED, None, ""),
        ({"cb-num-blocks": 64}, "needs-continuous-batching", "cb-num-blocks"),
        ({"continuous-batching": False, "cb-block-size": 32}, "needs-continuous-batching", "cb-block-size"),
        (PAGED | {"cb-num-blocks": 4, "cb-block-size": 32}, "cache-too-small", "hold 128, a request needs 137"),
        (PAGED | {"cb-num-blocks": 5, "cb-block-size": 32}, None, ""),
        (PAGED | {"cb-num-blocks": 1}, None, ""),  # a block holds 256 tokens
        (PAGED | {"cb-num-blocks": 64, "cb-max-memory-percent": 0.5}, "one-cache-size", "cb-max-memory-percent"),
        ({"attn-implementation": "flash_attention_2"}, "needs-a-gpu", "flash_attention_2"),
        (PAGED | {"cb-use-cuda-graph": True}, "needs-a-gpu", "cb-use-cuda-graph"),
        (PAGED | {"cb-use-cuda-graph": False}, None, ""),
        ({"attn-implementation": "sdpa"}, None, ""),
    ],
)
def test_what_can_be_known_before_the_start(flags: dict[str, Scalar], rule: str | None, words: str) -> None:
    found = RUNTIME.reject(configuration(flags), campaign())
    assert (found[0] if found else None) == rule
    assert found is None or words in found[1]


def test_with_a_gpu_its_flags_are_no_reason() -> None:
    flags: dict[str, Scalar] = PAGED | {"attn-implementation": "flash_attention_2", "cb-use-cuda-graph": True}
    assert RUNTIME.reject(configuration(flags), campaign(gpus=1)) is None


@pytest.mark.parametrize("flag", sorted(UNSUPPORTED))
def test_flags_of_other_engines_say_what_to_write(flag: str) -> None:
    [problem] = RUNTIME.check(Entry("e", "transformers", flags={flag: 1}))
    assert "not supported by this engine" in problem.what
    assert problem.hint == UNSUPPORTED[flag]


def test_flags_that_tunebook_sets_are_refused() -> None:
    for name in ("host", "port", "model"):
        [problem] = RUNTIME.check(Entry("e", "transformers", flags={name: "x"}))
        assert problem.slug == "reserved-flag"


def test_a_version_has_its_flags() -> None:
    space = EntrySpace("e", {"decision-config": Choice(("a.json",))})
    assert RUNTIME.check(Entry("e", "transformers", options={"version": "5.23.0"}, space=space)) == []
    [problem] = RUNTIME.check(Entry("e", "transformers", options={"version": "5.17.0"}, space=space))
    assert "it came with 5.23, this is 5.17.0" in problem.what


def test_a_version_without_the_command_is_refused() -> None:
    [problem] = RUNTIME.check(Entry("e", "transformers", options={"image": "a/transformers:4.57.1"}))
    assert "it came with 5.0, this is 4.57.1" in problem.what


def test_a_near_match_for_a_flag_that_nobody_knows() -> None:
    [problem] = RUNTIME.check(Entry("e", "transformers", flags={"cb-num-block": 3}))
    assert problem.hint == "did you mean 'cb-num-blocks'?"
    assert RUNTIME.check(Entry("e", "transformers", {"cb-num-block": 3}, options={"allow_unknown_flags": True})) == []


def test_the_packages_that_an_interpreter_lacks_are_named_at_once(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    [problem] = RUNTIME.needs(Entry("e", "transformers", options={"python": str(bare)}))
    assert problem.slug == "engine-missing"
    for package in ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai"):
        assert package in problem.what
    assert problem.hint is not None
    assert problem.hint == "install it there, or leave `python:` out and run `tunebook engine install transformers`"


def test_a_missing_interpreter_is_named() -> None:
    [problem] = RUNTIME.needs(Entry("e", "transformers", options={"python": "/nowhere/python"}))
    assert "/nowhere/python" in problem.what


@pytest.mark.parametrize(("model", "offline"), [("/cache/small-hf1", "1"), ("org/small", None)])
def test_the_model_is_called_as_on_the_command_line(model: str, offline: str | None) -> None:
    """The server is pinned to that name and refuses any other; a local folder is served without the hub."""
    place = Placement("127.0.0.1", 1, model, "a label", "python3", "/work")
    launch = RUNTIME.launch(configuration({}), Entry("e", "transformers"), place)
    assert launch.served == model
    assert model in launch.argv
    assert launch.env.get("HF_HUB_OFFLINE") == offline


def test_an_answer_goes_on_to_the_asked_length_in_words_that_this_server_knows() -> None:
    place = Placement("127.0.0.1", 1, "org/small", "a label", "python3", "/work")
    launch = RUNTIME.launch(configuration({}), Entry("e", "transformers"), place)
    assert "ignore_eos" not in launch.ignore_eos, "transformers 5.23.0 refuses unexpected fields with status 422"
    assert json.loads(launch.ignore_eos["generation_config"]) == {"eos_token_id": -1}


def test_it_takes_a_folder() -> None:
    assert needs_folder("transformers")
    assert not needs_folder("llama_cpp")


def test_the_launcher_tells_the_versions_first_and_runs_without_tunebook(tmp_path: Path) -> None:
    """A stand-in for the package: what is started, and with which words."""
    package = tmp_path / "transformers"
    (package / "cli").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli" / "__init__.py").touch()
    (package / "cli" / "transformers.py").write_text("import sys\ndef app(): print('STARTED', sys.argv)\n")
    words = ["serve", "/m", "--port", "1"]
    done = subprocess.run(
        [sys.executable, "-S", str(HERE / "launcher.py"), *words],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "2"},
    )
    first, second = done.stdout.splitlines()
    assert second == f"STARTED {['transformers', *words]}"
    facts = RUNTIME.facts("http://127.0.0.1:9", first.replace('"transformers": null', '"transformers": "5.23.0"'))
    assert (facts.name, facts.version) == ("Transformers", "5.23.0")
    assert facts.settings["OMP_NUM_THREADS"] == "2"


LOGS = Path(__file__).parents[2] / "contract/logs/transformers"


@pytest.mark.parametrize("path", sorted(LOGS.glob("*.log")), ids=lambda path: str(path.stem))
def test_a_dead_worker_is_the_end_though_the_server_lives(path: Path) -> None:
    """It answers 500 and 503 from then on, which a client can only count."""
    found = RUNTIME.diagnose(path.read_text(encoding="utf-8"), None, Entry("e", "transformers"))
    lives_on = "--running--" in path.stem and not path.stem.startswith("none--")
    assert (found is not None and found.fatal) == lives_on
