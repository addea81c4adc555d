"""Children get what they need; secrets of our own environment leave in no text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.util import environment
from runner.util.redact import redact
from tests.make import canaries


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hidden here is hidden from no other test."""
    monkeypatch.setattr("runner.util.redact._values", set())


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in canaries.BY_NAME.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/etc/keys/service.json")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("CUDA_HOME", "/usr/local/cuda")
    monkeypatch.setenv("VLLM_API_KEY", "words-of-an-engine-key")
    monkeypatch.setenv("MY_SHELL_THING", "1")


@pytest.mark.usefixtures("planted")
def test_an_engine_gets_no_secret_but_the_named_one() -> None:
    given = environment.for_engine(["GITHUB_TOKEN", "NOT_SET"], {"OMP_NUM_THREADS": "2"})
    assert {"PATH", "TOKENIZERS_PARALLELISM", "CUDA_HOME", "GITHUB_TOKEN", "OMP_NUM_THREADS"} <= given.keys()
    assert not {*canaries.BY_NAME, "VLLM_API_KEY", "MY_SHELL_THING", "GOOGLE_APPLICATION_CREDENTIALS", "PYTHONPATH",
                "NOT_SET"} - {"GITHUB_TOKEN"} & given.keys()  # fmt: skip
    assert redact(f"token {canaries.BY_NAME['GITHUB_TOKEN']}!") == "token [redacted]!"


@pytest.mark.usefixtures("planted")
def test_a_proxy_without_password_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert environment.for_engine()["HTTPS_PROXY"] == "http://proxy.example:3128"


@pytest.mark.usefixtures("planted")
def test_a_tool_gets_the_bare_minimum() -> None:
    assert set(environment.for_tool(GIT_OPTIONAL_LOCKS="0")) <= {*environment._SYSTEM, "GIT_OPTIONAL_LOCKS"}


@pytest.mark.usefixtures("planted")
def test_our_own_secrets_are_hidden_and_paths_and_switches_are_not() -> None:
    environment.hide_ours()
    for value in (canaries.BY_NAME["DB_PASSWORD"], "words-of-a-proxy", "small-words-of-a-proxy", "words-of-an-index",
                  "words-without-a-scheme"):  # fmt: skip
        assert redact(f"said {value}.") == "said [redacted]."
    assert redact("/etc/keys/service.json false") == "/etc/keys/service.json false"


@pytest.mark.parametrize("name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "GITHUB_PAT", "DB_PASS",
                                  "CI_REGISTRY_PASSWORD", "AZURE_STORAGE_KEY", "SENTRY_DSN", "NPM_AUTH"])  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert environment.SECRET_NAME.search(name)


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "HF_TOKEN_PATH", "PATH", "KEYBOARD", "GPU_MEMORY", "PASSES",
                                  "VLLM_MAX_TOKENS_PER_STEP", "SSH_AUTH_SOCK", "MONKEY"])  # fmt: skip
def test_names_of_no_secrets(name: str) -> None:
    assert not environment.SECRET_NAME.search(name)


@pytest.mark.parametrize("spelling", [str.upper, str.lower])
def test_each_proxy_keeps_its_own_value(monkeypatch: pytest.MonkeyPatch, spelling: Callable[[str], str]) -> None:
    """The one for http was once overwritten with that for https."""
    given = {"http_proxy": "http://one.example:1", "https_proxy": "http://two.example:2", "no_proxy": "hub.example"}
    for name, value in given.items():
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(spelling(name), value)
    wanted = {spelling(name): value for name, value in given.items()}
    for found in (environment.for_engine(), environment.for_installer(), environment.proxies()):
        assert {name: value for name, value in found.items() if name.lower() in given} == wanted
