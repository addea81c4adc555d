"""The files of the known engines, and what is read out of pip's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines import recipes
from runner.engines._pip import activity, failure, telling
from runner.engines.environments import version_key
from runner.errors import HashMismatch, NetworkError, NoSpace, NotReady, TunebookError, UnknownMember, UsageError
from runner.runtimes import runtimes

LOG = Path("/cache/engines/logs/x-1.log")


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_whole(name: str) -> None:
    recipe = recipes.get(name)
    assert recipe.device in recipes.DEVICES
    assert recipe.title
    assert recipe.about
    assert recipe.installed_bytes > recipe.download_bytes > 0
    wanted = [*recipe.requirements(recipe.version), recipe.alone.format(version=recipe.version)]
    assert any(text.endswith(f"=={recipe.version}") for text in wanted), (
        "a recipe installs the version that is asked for"
    )
    assert recipe.runs_on((3, 11))
    assert not recipe.runs_on((2, 7))
    assert bool(recipe.without) <= bool(recipe.alone)


def test_llama_cpp_is_known_by_both_spellings_and_serves_its_runtime() -> None:
    assert recipes.get("llama-cpp") == recipes.get("llama_cpp")
    assert "llama_cpp" in runtimes.names()
    assert [one.name for one in recipes.for_runtime("llama_cpp", 0)] == ["llama_cpp"]
    assert recipes.for_runtime("command", 0) == []


def test_a_build_for_cpus_never_serves_gpus_and_is_preferred_without() -> None:
    assert [one.name for one in recipes.for_runtime("vllm", 0)] == ["vllm_cpu", "vllm"]
    assert [one.name for one in recipes.for_runtime("vllm", 2)] == ["vllm"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [("lama_cpp", "did you mean 'llama_cpp'?"), ("zzz==1", "`tunebook engine list` says more of each")],
)
def test_an_unknown_engine(text: str, hint: str) -> None:
    with pytest.raises(UnknownMember) as refused:
        recipes.wanted(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize("version", ["", "../../x", "1 2", "latest", ">=2"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(UsageError):
        recipes.wanted(f"llama_cpp=={version}")


def test_versions_are_ordered_as_versions() -> None:
    falling = ["2026.10.11549", "5.10.0", "5.9.0", "1.0", "0.10.1", "0.10.post1", "0.10", "0.10rc1", "0.10.dev1", "0.9"]
    assert sorted(falling, key=version_key) == falling[::-1]
    assert version_key("2.13.0+cpu") == version_key("2.13.0")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Collecting torch==2.13.0", "resolving torch==2.13.0"),
        ("  Downloading xllamacpp-2026.10.11549-cp311-abi3-manylinux.whl (34.2 MB)",
         "fetching xllamacpp-2026.10.11549-cp311-abi3-manylinux.whl (34.2 MB)"),
        ("  Downloading https://host/a/b/x-1.whl (3 kB)", "fetching x-1.whl (3 kB)"),
        ("  Using cached x-1.whl (3 kB)", "taking x-1.whl from pip's cache (3 kB)"),
        ("Processing /opt/wheels/torch-2.whl", "taking torch-2.whl"),
        ("  Building wheel for thing (pyproject.toml): started", "building thing"),
        ("Installing collected packages: a, b, c", "installing 3 packages"),
        ("WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError': /whl/cpu/torch/",
         "no answer for torch, trying again"),
        ("Requirement already satisfied: pip", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_pip_does_in_words_for_people(line: str, told: str | None) -> None:
    assert activity(line) == told


NOT_FOUND = """\
ERROR: Ignored the following versions that require a different python version: 1.0 Requires-Python <3.5
ERROR: Could not find a version that satisfies the requirement toy==9 (from versions: 1, 2)
ERROR: No matching distribution found for toy==9
"""
UNREACHABLE = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError(...)': /simple/toy/
ERROR: Could not find a version that satisfies the requirement toy==9 (from versions: none)
ERROR: No matching distribution found for toy==9
"""
CONFLICT = """\
WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError(...)': /simple/toy/
ERROR: Cannot install a and b because these package versions have conflicting dependencies.
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io
"""
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
HASH = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
NO_VENV = """\
The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv
"""


@pytest.mark.parametrize(
    ("said", "kind", "hint"),
    [
        (NOT_FOUND, NotReady, "--python /path/to"),
        (UNREACHABLE, NetworkError, "PIP_INDEX_URL"),
        (CONFLICT, NotReady, "stands in"),
        (FULL, NoSpace, "TUNEBOOK_CACHE"),
        (HASH, HashMismatch, "stands in"),
        (NO_VENV, NotReady, "python3-venv"),
        ("", NotReady, "stands in"),
    ],
)
def test_a_failure_is_told_by_its_cause(said: str, kind: type[TunebookError], hint: str) -> None:
    error = failure(said, "pip install", "status 1", LOG)
    assert type(error) is kind
    assert hint in str(error.hint)
    assert str(error.hint).endswith(f"all that it said stands in {LOG}") or kind is HashMismatch
    assert error.what.startswith("pip install failed: ")


def test_the_telling_line() -> None:
    assert telling(NOT_FOUND) == "Could not find a version that satisfies the requirement toy==9 (from versions: 1, 2)"
    assert telling("$ pip install\nwent\nwrong\n") == "wrong"
    assert telling("") is None
    assert len(telling(f"ERROR: {'x' * 5000}") or "") < 400
