from __future__ import annotations

import sys
from typing import Any

import pytest

from runner.domain.campaign import Entry
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Launch, Placement
from runner.runtimes.command import RUNTIME

PLACE = Placement("127.0.0.1", 8123, "/models/m.gguf", "served", "/opt/python", "/work")


def launch(command: str | list[str], flags: dict[str, Scalar] | None = None, **options: Any) -> Launch:
    entry = Entry("e", "command", options={"command": command, **options})
    return RUNTIME.launch(Configuration("e", "command", {}, flags or {}, {}, "0" * 16), entry, PLACE)


def test_placeholders_are_filled_word_by_word() -> None:
    found = launch("serve --model {model} --listen {host}:{port} --as {served_model} {flags}", {"n": 2, "fast": True})
    assert found.argv == (
        *("serve", "--model", "/models/m.gguf", "--listen", "127.0.0.1:8123", "--as", "served"),
        *("--fast", "--n", "2"),
    )
    assert found.portable == (
        *("serve", "--model", "$MODEL", "--listen", "127.0.0.1:$PORT", "--as", "served"),
        *("--fast", "--n", "2"),
    )


def test_json_in_the_command_survives() -> None:
    template = ["serve", "--port", "{port}", "--config", '{"a": {"b": [1, 2]}, "c": "x y"}']
    assert launch(template).argv == ("serve", "--port", "8123", "--config", '{"a": {"b": [1, 2]}, "c": "x y"}')
    as_text = 'serve --port {port} --config \'{"a": {"b": [1, 2]}, "c": "x y"}\''
    assert launch(as_text).argv == launch(template).argv


def test_flags_within_a_shell_word_are_quoted() -> None:
    argv = launch(["sh", "-c", "exec serve --port {port} {flags}"], {"name": "it's; rm x"}).argv
    assert argv[2] == """exec serve --port 8123 --name 'it'"'"'s; rm x'"""


@pytest.mark.parametrize(
    ("booleans", "spelled"),
    [
        ("pair", ("--no-off", "--on")),
        ("switch", ("--on",)),
        ("value", ("--off", "false", "--on", "true")),
    ],
)
def test_booleans_are_written_as_the_server_wants_them(booleans: str, spelled: tuple[str, ...]) -> None:
    argv = launch("serve {port} {flags}", {"on": True, "off": False}, booleans=booleans).argv
    assert argv == ("serve", "8123", *spelled)


@pytest.mark.parametrize("health", ["/ready", {"path": "/ready"}])
def test_the_health_path_is_the_campaigns(health: Any) -> None:
    assert launch("serve {port}", health=health).health.path == "/ready"
    assert launch("serve {port}").health.path == "/health"


GOOD = {"command": "serve {port}"}


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        ({}, "'command' is missing", "{port}"),
        ({"command": 5}, "neither text nor a list", "list of words"),
        ({"command": ["serve", 8000]}, "a word of 'command' is no text", "quotes"),
        ({"command": "serve 'open {port}"}, "can not be split", "quote"),
        ({"command": "serve --model {model}"}, "has no {port}", "--port {port}"),
        ({"command": "serve {port} {modell}"}, "unknown placeholder {modell}", "did you mean {model}?"),
        (GOOD | {"helth": "/x"}, "no option 'helth'", "did you mean 'health'?"),
        (GOOD | {"health": "ready"}, "must start with /", ""),
        (GOOD | {"booleans": "yes"}, "'booleans' is not known", "pair, switch, value"),
        (GOOD | {"signatures": [{"cause": "oom_load"}]}, "signature 1 needs pattern", "pattern"),
        (GOOD | {"signatures": ["oom"]}, "signature 1 needs pattern", "pattern"),
        (GOOD | {"signatures": {"(": "oom_load"}}, "no regular expression", ""),
        (GOOD | {"signatures": [{"pattern": "x", "cause": "oom"}]}, "signature 1: 'oom'", "oom_load"),
        (GOOD | {"signatures": {"bye": "interrupted"}}, "signature 1: 'interrupted' is no cause of a log", "oom_load"),
        (GOOD | {"signatures": {"slow": "slo"}}, "signature 1: 'slo' is no cause of a log line", "oom_load"),
    ],
)
def test_a_wrong_option_is_one_problem_with_a_hint(options: dict[str, Any], what: str, hint: str) -> None:
    [problem] = RUNTIME.check(Entry("e", "command", options=options))
    assert what in problem.what
    assert hint in (problem.hint or "")


def test_signatures_may_be_a_mapping() -> None:
    entry = Entry("e", "command", options=GOOD | {"signatures": {"no memory left": "oom_load"}})
    assert RUNTIME.check(entry) == []
    found = RUNTIME.diagnose("x\nE no memory left for cache\n", None, entry)
    assert found is not None
    assert (found.cause, found.evidence) == ("oom_load", "E no memory left for cache")


def test_a_program_that_is_not_here_is_named() -> None:
    [problem] = RUNTIME.needs(Entry("e", "command", options={"command": "no-such-server-at-all {port}"}))
    assert (problem.slug, "no-such-server-at-all" in problem.what) == ("engine-missing", True)
    assert RUNTIME.needs(Entry("e", "command", options={"command": [sys.executable, "{port}"]})) == []
