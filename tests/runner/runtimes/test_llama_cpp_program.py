"""llama.cpp's own program: when an entry means it, how its flags are spelled, what it can not have."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.domain.campaign import Campaign, Entry, Scenario
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Exit, Placement
from runner.render.forms import FORMS
from runner.render.served import Served
from runner.render.shell import one_line, wrapped
from runner.runtimes import Room
from runner.runtimes.llama_cpp import RUNTIME, binary
from tests import make

OFFICIAL = "ghcr.io/ggml-org/llama.cpp:server-b10434"
PLACEMENT = Placement("0.0.0.0", 23456, "/model/model.gguf", "small model", "python3", "/tmp")
FLAGS: dict[str, Scalar] = {
    "threads": 2, "flash-attn": "on", "cont-batching": False, "kv-unified": True, "cache-type-k": "q8_0",
    "fit": False, "swa-full": True, "ctx-shift": True, "load-mode": "mmap_mlock", "numa": "distribute",
    "n-gpu-layers": -1,
}  # fmt: skip
OFF: dict[str, Scalar] = {"fit": True, "swa-full": False, "ctx-shift": False, "load-mode": "none", "numa": "disabled"}
FORMS_OF_AN_ENTRY: dict[str, dict[str, Any]] = {
    "package": {},
    "package in an image": {"image": "llama-cpp:2026.10"},
    "program of an official image": {"image": OFFICIAL},
    "program by name": {"binary": "llama-server"},
    "program here": {"binary": "/opt/llama/bin/llama-server"},
    "program in an image of one's own": {"image": "mine:1", "binary": "/srv/llama-server"},
}


def entry(**options: Any) -> Entry:
    return Entry("e", "llama_cpp", options=options)


def one(flags: dict[str, Scalar]) -> Configuration:
    return Configuration("e", "llama_cpp", {}, flags, {"OMP_WAIT_POLICY": "passive"}, "0" * 16)


def test_the_launch_lines_are_golden(golden: Callable[[str, str], None]) -> None:
    """Of both forms, as they are started and as they are published."""
    text = ""
    here = str(Path(__file__).parents[3])
    for title, options in FORMS_OF_AN_ENTRY.items():
        for flags in (FLAGS, OFF):
            launch = RUNTIME.launch(one(flags), entry(**options), PLACEMENT)
            words = "".join(f"  {word}\n" for word in launch.argv).replace(here, "<here>")
            shown = wrapped(one_line(launch.portable, {}))
            text += f"{title}\n{words}  env {dict(launch.env)}\n  published\n{shown}\n\n"
    golden("launch/llama_cpp-program.txt", text)


@pytest.mark.parametrize("options", [{}, {"binary": "llama-server"}])
def test_a_pinned_engine_has_as_many_threads_as_cpus(options: dict[str, Any]) -> None:
    pinned = replace(PLACEMENT, cpus=(4, 5, 6))
    unsaid: tuple[dict[str, Scalar], ...] = ({"parallel": 2}, {"parallel": 2, "threads": 0})  # 0: as many as there are
    for flags in unsaid:
        launch = RUNTIME.launch(one(flags), entry(**options), pinned)
        assert launch.argv[-2:] == launch.portable[-2:] == ("--threads", "3")
    chosen = RUNTIME.launch(one({"threads": 2}), entry(**options), pinned)
    assert "3" not in chosen.argv
    assert chosen.argv == RUNTIME.launch(one({"threads": 2}), entry(**options), PLACEMENT).argv


@pytest.mark.parametrize(("options", "program", "published"), [
    ({}, None, None),
    ({"image": "llama-cpp:2026.10"}, None, None),
    ({"image": "ghcr.io/ggml-org/llama.cpp-tools:1"}, None, None),
    ({"image": OFFICIAL}, "/app/llama-server", "llama-server"),
    ({"image": "ghcr.io/ggml-org/llama.cpp@sha256:1f"}, "/app/llama-server", "llama-server"),
    ({"image": "mirror.example:5000/ggml-org/llama.cpp:full-cuda"}, "/app/llama-server", "llama-server"),
    ({"image": OFFICIAL, "binary": "/app/tools/llama-server"}, "/app/tools/llama-server", "/app/tools/llama-server"),
    ({"binary": "/opt/llama-server"}, "/opt/llama-server", "llama-server"),
])  # fmt: skip
def test_which_program_an_entry_means(options: dict[str, Any], program: str | None, published: str | None) -> None:
    assert binary.program_of(entry(**options)) == program
    if program is not None:
        assert binary.portable(entry(**options), program) == published


def test_others_start_it_where_the_image_has_it() -> None:
    launch = RUNTIME.launch(one({}), entry(image=OFFICIAL), PLACEMENT)
    served = Served("e", "e", launch.portable, {}, file="m.gguf", image=OFFICIAL)
    assert f"--entrypoint /app/llama-server {OFFICIAL}" in FORMS["docker"](served)
    assert "\nllama-server \\\n  --model" in FORMS["shell"](served)
    own = RUNTIME.launch(one({}), entry(image="mine:1", binary="/srv/llama-server"), PLACEMENT)
    served = replace(served, words=own.portable, image="mine:1")
    assert "--entrypoint /srv/llama-server mine:1" in FORMS["docker"](served)
    assert "\nllama-server \\\n  --model" in FORMS["shell"](served)


@pytest.mark.parametrize(("options", "flags", "words"), [
    ({"binary": "bin/llama-server"}, {}, "option 'binary' is neither a name nor an absolute path"),
    ({"binary": 3}, {}, "option 'binary' is neither a name nor an absolute path"),
    ({"binary": "llama-server", "python": "/usr/bin/python3"}, {}, "option 'python' has no meaning for the program"),
    ({"binary": "llama-server"}, {"metrics": True}, "flag 'metrics' is set by tunebook"),
    ({"binary": "llama-server"}, {"mlock": True}, "no flag 'mlock'"),
    ({"binary": "llama-server", "version": "b10092"}, {"load-mode": "none"}, "it came with b10093, this is b10092"),
    ({"image": "ghcr.io/ggml-org/llama.cpp:server-cuda-b10068"}, {"load-mode": "none"}, "this is b10068"),
    ({}, {"mlock": True}, "no flag 'mlock'"),
])  # fmt: skip
def test_what_can_not_be(options: dict[str, Any], flags: dict[str, Scalar], words: str) -> None:
    [problem] = RUNTIME.check(replace(entry(**options), flags=flags))
    assert words in problem.what


@pytest.mark.parametrize(("options", "flags"), [
    ({"binary": "llama-server", "version": "b10434"}, {"load-mode": "none"}),
    ({"binary": "llama-server"}, {"load-mode": "none", "ctx-shift": True}),
    ({"image": "ghcr.io/ggml-org/llama.cpp:server"}, {"threads": 2}),
    ({"binary": "llama-server", "allow_unknown_flags": True}, {"mlock": True}),
])  # fmt: skip
def test_what_can_be(options: dict[str, Any], flags: dict[str, Scalar]) -> None:
    assert RUNTIME.check(replace(entry(**options), flags=flags)) == []


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "llama-server"
    [problem] = RUNTIME.needs(entry(binary=str(path)))
    assert (problem.slug, str(path) in problem.what) == ("engine-missing", True)
    path.touch()
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    assert RUNTIME.needs(entry(binary=str(path))) == []


@pytest.mark.parametrize(("flags", "refused"), [
    ({"ctx-size": 2048}, False),  # the program makes slots of its own that share the cache
    ({"ctx-size": 2048, "parallel": 4}, True),
    ({"ctx-size": 1024}, True),
])  # fmt: skip
def test_slots_that_nobody_asked_for_share_the_cache(flags: dict[str, Scalar], refused: bool) -> None:
    given = make.campaign()
    scenario = Scenario("D(2016,32)", "D", 2016, 32)
    of: Campaign = replace(given, workload=replace(given.workload, scenarios=(scenario,)),
                           entries=(entry(binary="llama-server"),))  # fmt: skip
    assert (RUNTIME.reject(one(flags), of) is not None) == refused


def test_a_program_of_another_processor_is_said_to_be_one() -> None:
    found = RUNTIME.diagnose("load_model: loading model\n", Exit(None, "SIGILL"), entry(binary="llama-server"))
    assert found is not None
    failure = Failure(found.phase or Phase.LOAD, Cause(found.cause), found.evidence, signal="SIGILL")
    from runner.runtimes import Advisor

    assert isinstance(RUNTIME, Advisor)
    hint = RUNTIME.hint(failure, one({}), "", Room(make.host(), None))
    assert hint is not None
    assert "instructions that the processor does not know" in hint.text
