from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.deployers import PlaceRequest
from runner.deployers.attach import Attach
from runner.domain.campaign import Deploy
from runner.domain.trial import Endpoint, Health, Launch
from runner.errors import NotReady, UsageError
from runner.util.redact import redact

NOTHING = Launch((), {}, Health(), ())


def endpoint(tmp_path: Path, **options: Any) -> Endpoint:
    request = PlaceRequest("a", "/m", "label", "", tmp_path, tmp_path / "log", options=options)
    placement = Attach().place(request, Deploy("attach", options))
    with Attach().start(NOTHING, placement, request) as engine:
        return engine.endpoint


@pytest.mark.parametrize("url", ["http://h:8000", "http://h:8000/", "http://h:8000/v1", "http://h:8000/v1/"])
def test_every_spelling_of_the_address(tmp_path: Path, url: str) -> None:
    assert endpoint(tmp_path, url=url) == Endpoint("http://h:8000", "label")


def test_model_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "key-with-some-length")
    found = endpoint(tmp_path, url="https://h", model="served", api_key_env="THE_KEY")
    assert found == Endpoint("https://h", "served", "key-with-some-length")
    assert "key-with-some-length" not in redact("sent key-with-some-length")


@pytest.mark.parametrize("options", [{}, {"url": "h:8000"}, {"url": "ftp://h"}])
def test_a_wrong_address_says_how_to_write_it(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        endpoint(tmp_path, **options)
    assert "url:" in (caught.value.hint or "")


def test_a_key_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THE_KEY", raising=False)
    with pytest.raises(NotReady):
        endpoint(tmp_path, url="http://h", api_key_env="THE_KEY")
