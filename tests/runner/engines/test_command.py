"""`tunebook engine`: what people and programs read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runner.cli.engine import COMMAND
from runner.engines import environments
from runner.engines.environments import folder_of
from runner.errors import AlreadyRunning, NotReady, UnknownId, UsageError
from runner.machine import look
from tests.runner.engines.test_install import pretended
from tests.runner.test_bad_input import llama_campaign, scrubbed
from tests.stories._world import tunebook

Golden = Callable[[str, str], None]
pytestmark = pytest.mark.usefixtures("cache")


def ask(*words: str) -> Result:
    return CliRunner().invoke(COMMAND, list(words))


def lines(done: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("shelf")
def test_install_list_and_remove(cache: Path) -> None:
    """One real installation, told to a program and then to people."""
    done = ask("install", "toy==1.0", "--json")
    assert done.exit_code == 0, done.exception
    told = lines(done)
    assert [told[0]["event"], told[-1]["event"]] == ["engine_started", "end"]
    folder = cache / "engines" / "toy-1.0"
    assert told[-1]["exit_code"] == 0
    assert (told[-1]["outcome"], told[-1]["engine"], told[-1]["folder"]) == ("installed", "toy", str(folder))
    assert {line["event"] for line in told[1:-2]} == {"engine_progress"}
    again = ask("install", "toy==1.0")
    assert again.exit_code == 0
    assert again.stdout.startswith("installed already: toy 1.0, ")
    [toy] = lines(ask("list", "--json"))
    assert isinstance(toy["installed"], list)
    [made] = toy["installed"]
    assert (made["version"], made["interpreter"], made["works"]) == ("1.0", str(folder / "bin" / "python"), True)
    assert "toy-engine==1.0" in made["lock"]
    text = ask("list").stdout
    assert f"installed: 1.0, {made['bytes'] / 1e6:.1f} MB, Python " in text
    assert "to install: 2.0, about 20.0 MB: tunebook engine install toy" in text
    gone = ask("remove", "toy")
    assert gone.stdout.startswith("removed toy 1.0: ")
    assert gone.stdout.endswith(f" MB are free again in {folder.parent}\n")
    assert environments.installed() == []


@pytest.mark.usefixtures("shelf")
def test_a_failure_is_told_to_a_program_too() -> None:
    done = ask("install", "toy", "--python", "/nowhere/python", "--json")
    assert isinstance(done.exception, NotReady)
    *_, error, end = lines(done)
    assert (error["event"], error["slug"]) == ("error", "not-ready")
    assert (end["event"], end["exit_code"]) == ("end", 4)


@pytest.mark.usefixtures("shelf")
def test_a_dry_run_prints_and_does_nothing(cache: Path) -> None:
    done = ask("install", "toy", "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3] == f"{sys.executable} -m venv {cache}/engines/toy-2.0"
    assert not cache.exists()
    told = lines(ask("install", "toy", "--dry-run", "--json"))
    assert [line["event"] for line in told] == ["end"]
    assert told[0]["plan"] == done.stdout.splitlines()


def test_one_of_several_versions_must_be_named() -> None:
    pretended("llama_cpp", "1.0")
    pretended("llama_cpp", "2.0")
    done = ask("remove", "llama-cpp")
    assert isinstance(done.exception, UsageError)
    assert done.exception.hint == "name one: llama_cpp==2.0 or llama_cpp==1.0"
    assert ask("remove", "llama-cpp==1.0").exit_code == 0
    assert ask("remove", "llama-cpp").exit_code == 0
    assert isinstance(ask("remove", "llama-cpp").exception, UnknownId)


def test_a_leftover_is_listed_and_can_be_removed() -> None:
    folder_of("vllm", "0.9.0").mkdir(parents=True)
    assert "was left unfinished: tunebook engine remove vllm==0.9.0" in ask("list").stdout
    assert lines(ask("list", "--json"))[-1] == {"unfinished": str(folder_of("vllm", "0.9.0")), "at_work": False}
    with environments.locked(folder_of("vllm", "0.9.0"), lambda: False):
        assert "is being installed" in ask("list").stdout
        assert isinstance(ask("remove", "vllm==0.9.0").exception, AlreadyRunning)
    assert ask("remove", "vllm==0.9.0").exit_code == 0
    assert "unfinished" not in ask("list").stdout


def test_preflight_names_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "none")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("PATH", "")
    before = look()
    assert not before.finding("engines").there
    assert before.finding("genai-bench").remedy == "tunebook engine install genai-bench"
    bench, llama = pretended("genai_bench", "0.0.5"), pretended("llama_cpp", "1.0")
    found = look()
    assert found.finding("engines").what == "genai_bench 0.0.5, llama_cpp 1.0"
    assert found.finding("genai-bench").what == f"genai-bench 0.0.5 in {bench.folder}"
    assert found.finding("llama-cpp").what == f"xllamacpp 1.0 in {llama.folder}"


def test_messages(tmp_path: Path, results: Path, golden: Golden) -> None:
    (tmp_path / "model.gguf").write_bytes(b"never read")
    wanted = '    version: "1.2.3"\n    flags: {threads: 1}'
    campaign = llama_campaign(tmp_path, model=f"{{path: {tmp_path}/model.gguf}}", entry=wanted)
    said = [
        tunebook(*words, results=results, status=status).stderr
        for words, status in (
            (("engine", "install", "lama_cpp"), 2),
            (("engine", "install", "llama_cpp==newest"), 2),
            (("engine", "install", "llama_cpp", "--python", "/nowhere/python"), 4),
            (("engine", "remove", "llama_cpp"), 2),
            (("run", str(campaign)), 4),
        )
    ]
    golden("bad-input/engines.txt", scrubbed("\n".join(said), tmp_path))
