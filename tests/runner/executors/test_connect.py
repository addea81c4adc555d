"""What is refused before anybody asks a Ray cluster; tests/stories/test_ray_faults.py goes on from there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from runner.errors import EngineMissing, UsageError
from runner.executors.ray._connect import ADDRESS, connect
from tests.stories._world import tunebook, write_campaign

without_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed beside us")


@pytest.mark.parametrize("address", [None, "", "  "])
def test_without_an_address_nothing_is_guessed(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    with pytest.raises(UsageError, match="--executor ray needs the address of a Ray cluster") as refused:
        connect(address)
    assert refused.value.hint is not None
    assert "--address HOST:6379" in refused.value.hint


@pytest.mark.parametrize("address", ["local", "head", "head:", ":6379", "head:0", "head:66000", "ray://head:10001"])
def test_what_is_no_address_of_a_head_is_refused_also_from_the_environment(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS, address)
    with pytest.raises(UsageError, match="is no address of a Ray cluster"):
        connect(None)


@without_ray
def test_without_ray_the_line_that_installs_it_is_said() -> None:
    with pytest.raises(EngineMissing) as missing:
        connect("127.0.0.1:9")
    assert missing.value.hint is not None
    assert "pip install 'tunebook[ray]'" in missing.value.hint


@without_ray
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (
            ("--executor", "ray", "--address", "127.0.0.1:9"),
            4,
            "error[engine-missing]: --executor ray needs the Python",
        ),
        (("--address", "127.0.0.1:9"), 2, "error[usage]: --executor local runs on this machine and asks no --address"),
        (("--executor", "rai"), 2, "error[unknown-member]: no executor called 'rai'"),
    ],
)
def test_the_command_says_what_is_wrong_and_seals_nothing(
    words: tuple[str, ...], status: int, said: str, tmp_path: Path, results: Path
) -> None:
    done = tunebook("run", write_campaign(tmp_path), *words, results=results, status=status)
    assert said in done.stderr
    assert not (results / "records").exists()
