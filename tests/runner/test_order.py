"""What an attempt asks of a place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.identity import resolved
from runner.domain.campaign import Deploy, Entry, Hardware, Model
from runner.domain.failure import Role
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration
from runner.order import Order, place_request
from tests import make


@pytest.mark.parametrize("here", [True, False])
def test_an_engine_is_told_when_all_of_a_hub_model_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    """By a word in its environment: model, revision and served name stay what the campaign says."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    snapshot = tmp_path / "hub" / "models--acme--tiny" / "snapshots" / ("ab" * 20)
    snapshot.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", *(["model.safetensors"] if here else [])):
        (snapshot / name).write_text("{}")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "v2").write_text("ab" * 20)
    of = replace(
        make.campaign(), model=Model(id="acme/tiny", revision="v2"), hardware=Hardware(), deploy=Deploy("local")
    )
    of = replace(of, entries=(Entry("simulated", "simulated"),))
    configuration = Configuration("simulated", "simulated", {}, {}, {}, "0" * 16)
    order = Order("a", "r", "t", 0, 0, Role.SEARCH, configuration, resolved(of), str(tmp_path), str(tmp_path))
    request = place_request(order, of, tmp_path, ())
    home = tmp_path / "hub" / "models--acme--tiny"
    assert request.hub_model == (home if here else None)
    flags: dict[str, Scalar] = {"speculative-config": '{"model": "acme/draft"}', "some": 1}
    with_draft = replace(order, configuration=replace(configuration, flags=flags))
    assert place_request(with_draft, of, tmp_path, ()).hub_model is None, "nobody has looked for the draft model"
    assert (request.model_path, request.revision, request.served_model) == ("acme/tiny", "v2", "acme/tiny")
