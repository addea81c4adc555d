"""A machine of the test's own, a hub, and a download from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session

from runner.errors import NetworkError
from runner.models import hub_cache
from runner.models.download.transfer import Settings
from runner.models.fetching import Asked, fetch
from tests.runner.models.hub import MODEL, Hub, oid_of

WEIGHTS = "model.safetensors"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Caches and a token of the test's own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    close_session()
    yield
    close_session()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been waited, in seconds."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


class Told(list[dict[str, Any]]):
    """The words of a download."""

    def __call__(self, phase: str, **data: Any) -> None:
        self.append({"phase": phase, **data})

    def of(self, phase: str) -> list[dict[str, Any]]:
        return [one for one in self if one["phase"] == phase and one.get("file") in (WEIGHTS, None)]


def get(hub: Hub, told: Told | None = None, settings: Settings | None = None, **asked: Any) -> Path:
    """The model's weights alone, unless `names` says otherwise."""
    wish = Asked(MODEL, base_url=hub.url, **{"names": (WEIGHTS,), **asked})
    return fetch(wish, settings or Settings(), told if told is not None else Told())


def blob(hub: Hub) -> Path:
    return hub_cache.folder_of(MODEL) / "blobs" / oid_of(hub.files[WEIGHTS])


def part(hub: Hub) -> Path:
    return blob(hub).with_name(f"{blob(hub).name}.incomplete")


def ranges(hub: Hub) -> list[str | None]:
    return [one.get("range") for one in hub.gets(WEIGHTS)]


def interrupted(hub: Hub, *first: str) -> None:
    """A download that was given up: its part is there."""
    hub.script(WEIGHTS, *(first or ("short:150000",)), "404")
    with pytest.raises(NetworkError):
        get(hub, settings=Settings(retries=1))
    assert part(hub).is_file()
