"""What every runtime must keep. A new member is found by itself; it needs an entry in SAMPLES only when it has
options of its own, and logs under `logs/<runtime>/`."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runner.domain.campaign import Entry, Model
from runner.domain.failure import Cause
from runner.domain.parameters import Point, Scalar
from runner.domain.trial import Configuration, Exit, Launch, Placement
from runner.render.shell import one_line, wrapped
from runner.runtimes import Runtime, runtimes
from runner.runtimes import configuration as configuration_of
from runner.util.net import free_port
from tests import make

ROOT = Path(__file__).parents[2]
LOGS = Path(__file__).parent / "logs"

SAMPLES: dict[str, dict[str, Any]] = {
    "command": {
        "command": "{python} -m server --model {model} --port {port} --name {served_model} {flags}",
        "signatures": [{"pattern": "CUDA out of memory", "cause": "oom_load", "phase": "load"}],
    }
}


@pytest.fixture(params=runtimes.names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runtime(name: str) -> Runtime:
    return runtimes.get(name)


@pytest.fixture
def entry(name: str) -> Entry:
    return Entry(name, name, options=SAMPLES.get(name, {}))


def configuration(name: str, env: dict[str, str] | None = None, **flags: Scalar) -> Configuration:
    return Configuration(name, name, {}, {k.replace("_", "-"): v for k, v in flags.items()}, env or {}, "0" * 16)


PLACEMENT = Placement("127.0.0.1", 23456, "/secret/place/model.gguf", "small model", "/opt/engine/bin/python", "/work")


def test_the_constant_is_annotated(name: str) -> None:
    module = import_module(f"runner.runtimes.{name}")
    assert typing.get_type_hints(module).get("RUNTIME") is Runtime, "without it mypy checks nothing"


def test_the_name_is_the_file(name: str, runtime: Runtime) -> None:
    assert runtime.name == name
    assert runtime.title


def test_a_sample_has_no_problem_and_is_not_refused(name: str, runtime: Runtime, entry: Entry) -> None:
    assert runtime.check(entry) == []
    assert runtime.reject(configuration(name), make.campaign()) is None


def test_an_unknown_option_is_a_problem(name: str, runtime: Runtime, entry: Entry) -> None:
    [problem] = runtime.check(replace(entry, options={**entry.options, "pythom": "python3"}))
    assert "pythom" in problem.what
    assert problem.hint


def test_only_strings_in_the_command_line(name: str, runtime: Runtime, entry: Entry) -> None:
    one = configuration(name, {"OMP_NUM_THREADS": "2"}, alpha=1, beta=0.5, gamma=True, delta=False, text="a b")
    launch = runtime.launch(one, entry, PLACEMENT)
    assert all(type(word) is str for word in (*launch.argv, *launch.portable))
    assert all(type(k) is str and type(v) is str for k, v in launch.env.items())
    assert {"True", "False", "None"}.isdisjoint(launch.argv)
    assert "a b" in launch.argv, "a value with a space stays one word"
    assert launch.env["OMP_NUM_THREADS"] == "2"
    assert launch.health.path.startswith("/")


LINES: dict[str, dict[str, Scalar]] = {
    "defaults": {},
    "typed": {"ctx-size": 4096, "temp": 0.5, "flash-attn": True, "cont-batching": False, "cache-type-k": "q8_0"},
    "awkward": {"text": "a b", "json": '{"a": "{b}"}', "dollar": "$HOME", "quote": "it's", "empty": "", "minus": -1},
}
"""What a launch line is made of: nothing, every type, every character that a shell would eat."""


def test_its_launch_lines_are_golden(
    name: str, runtime: Runtime, entry: Entry, golden: Callable[[str, str], None]
) -> None:
    """As it is started here, and as it is published. A changed line is a changed experiment: it must be seen."""
    text = ""
    for title, flags in LINES.items():
        launch = runtime.launch(configuration(name, {"OMP_NUM_THREADS": "2"}, **flags), entry, PLACEMENT)
        own = {key: launch.env[key] for key in sorted(launch.env)}
        words = "".join(f"  {word}\n" for word in launch.argv).replace(str(ROOT), "<here>")
        text += f"{title}\n{words}  env {own}\n  health {launch.health}\n  published\n{shell(launch)}\n\n"
    golden(f"launch/{name}.txt", text)


HUB_ENGINES = ("sglang", "tensorrt_llm", "transformers", "vllm")
"""They fetch a model by its id. llama.cpp wants a file, the simulated one loads nothing, a command is asked below."""


@pytest.mark.parametrize("name", HUB_ENGINES)
def test_the_wanted_revision_of_a_hub_id_reaches_the_engine(name: str, runtime: Runtime, entry: Entry) -> None:
    place = replace(PLACEMENT, model_path="org/model", revision="v1.2")
    launch = runtime.launch(configuration(name), entry, place)
    for line, model in ((launch.argv, "org/model"), (launch.portable, "$MODEL")):
        assert f"{model}@v1.2" in line or line[line.index("--revision") + 1] == "v1.2"
    assert not any(
        "revision" in word or "@" in word for word in runtime.launch(configuration(name), entry, PLACEMENT).argv
    )


@pytest.mark.parametrize("name", ["command"])
def test_a_command_that_drops_the_revision_is_refused(runtime: Runtime, entry: Entry) -> None:
    of = make.campaign()
    of = replace(of, model=Model(id="org/model", revision="v1.2"), entries=(entry,))
    refused = runtime.reject(configuration("command"), of)
    assert refused is not None
    assert "v1.2" in refused[1]
    taking = replace(entry, options={**entry.options, "command": "serve {model} --at={revision} {port}"})
    assert runtime.reject(configuration("command"), replace(of, entries=(taking,))) is None
    launch = runtime.launch(configuration("command"), taking, replace(PLACEMENT, revision="v1.2"))
    assert launch.argv[2] == launch.portable[2] == "--at=v1.2"


def shell(launch: Launch) -> str:
    return wrapped(one_line(launch.portable, launch.env))


def test_json_values_survive(name: str, runtime: Runtime, entry: Entry) -> None:
    value = '{"a": [1, 2], "b": "{c}"}'
    launch = runtime.launch(configuration(name, config=value), entry, PLACEMENT)
    assert value in launch.argv
    assert value in launch.portable


def test_launch_is_pure(
    name: str, runtime: Runtime, entry: Entry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = configuration(name, alpha=1)
    first = runtime.launch(one, entry, PLACEMENT)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("HF_TOKEN", "hf_something_secret")
    monkeypatch.chdir(tmp_path)
    assert runtime.launch(one, entry, PLACEMENT) == first


def test_the_command_line_goes_where_it_was_placed(name: str, runtime: Runtime, entry: Entry) -> None:
    launch = runtime.launch(configuration(name), entry, PLACEMENT)
    assert "23456" in " ".join(launch.argv)
    assert launch.argv[0] == PLACEMENT.python


def test_the_portable_form_names_nothing_of_this_machine(name: str, runtime: Runtime, entry: Entry) -> None:
    text = " ".join(runtime.launch(configuration(name), entry, PLACEMENT).portable)
    assert "$PORT" in text
    for ours in (PLACEMENT.model_path, PLACEMENT.python, PLACEMENT.work_dir, "23456", str(Path(__file__).parents[2])):
        assert ours not in text


def test_flag_order_does_not_matter(name: str, runtime: Runtime, entry: Entry) -> None:
    one = runtime.launch(configuration(name, alpha=1, beta=2), entry, PLACEMENT)
    assert runtime.launch(configuration(name, beta=2, alpha=1), entry, PLACEMENT) == one


def test_nothing_in_the_log_is_no_diagnosis(runtime: Runtime, entry: Entry) -> None:
    for exit in (None, Exit(0), Exit(1)):
        assert runtime.diagnose("", exit, entry) is None


def test_a_signal_is_a_crash_even_without_words(runtime: Runtime, entry: Entry) -> None:
    found = runtime.diagnose("", Exit(None, "SIGSEGV"), entry)
    assert found is not None
    assert found.cause == Cause.CRASH
    assert found.evidence


def test_a_dead_server_has_no_counters_and_unknown_facts(runtime: Runtime) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert runtime.counters(nobody) == {}
    assert runtime.facts(nobody, "").version == "unknown"


def _exit(word: str) -> Exit | None:
    if word == "running":
        return None
    if word == "oom":
        return Exit(None, "SIGKILL", oom_killed=True)
    return Exit(int(word.removeprefix("exit"))) if word.startswith("exit") else Exit(None, word)


def _known_logs() -> list[Any]:
    paths = sorted(LOGS.glob("*/*.log"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths]


@pytest.mark.parametrize("path", _known_logs())
def test_a_known_log_has_its_cause(path: Path) -> None:
    """`logs/<runtime>/<cause>--<exit>--<what>.log`; the cause `none` is for logs that only sound like a failure."""
    name = path.parent.name
    cause, exit, _ = path.stem.split("--")
    log = path.read_text(encoding="utf-8")
    found = runtimes.get(name).diagnose(log, _exit(exit), Entry(name, name, options=SAMPLES.get(name, {})))
    if cause == "none":
        assert found is None
        return
    assert found is not None
    assert found.cause == Cause(cause)
    assert found.rule
    assert 0 < len(found.evidence) <= 500
    assert "\n" not in found.evidence


def test_every_runtime_has_logs_of_both_kinds(name: str) -> None:
    stems = [path.stem for path in (LOGS / name).glob("*.log")]
    assert any(not stem.startswith("none--") for stem in stems), f"no failure log in tests/contract/logs/{name}/"
    assert any(stem.startswith("none--") for stem in stems), f"no misleading log in tests/contract/logs/{name}/"


@pytest.mark.parametrize("options", [{}, {"binary": "llama-server"}], ids=["as it is", "its program"])
def test_one_launch_is_one_configuration(name: str, runtime: Runtime, entry: Entry, options: Mapping[str, Any]) -> None:
    """Both ways round, for every switch that the engine's table knows: the same command line has the same fingerprint,
    another one another. An engine that has no program of its own takes that option for nothing."""
    entry = replace(entry, options={**entry.options, **options})
    table = getattr(import_module(f"runner.runtimes.{name}"), "FLAGS", {})
    plain = configuration_of(entry, Point(name))
    for flag in (one.name for one in table.values() if one.type == "bool"):
        for value in (True, False):
            asked = configuration_of(replace(entry, flags={flag: value}), Point(name))
            same = runtime.launch(asked, entry, PLACEMENT) == runtime.launch(plain, entry, PLACEMENT)
            assert (asked.fingerprint == plain.fingerprint) is same, (flag, value)
