"""What a request says, where engines do not all understand the same words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from runner.domain.trial import Endpoint
from runner.loadgens._requests.asks import Ask
from runner.loadgens.native.client import Client
from tests.runner.loadgens.driving import closed, job


def body(endpoint: Endpoint, ignore_eos: bool) -> dict[str, Any]:
    asked = replace(job(endpoint, closed(1)), ignore_eos=ignore_eos)
    text = Client(asked, lambda n: None).body(Ask(0, 0, "measure", "hello", 5, 7))
    said: dict[str, Any] = json.loads(text)
    return said


def test_an_answer_goes_on_to_its_length_in_the_words_of_the_engine() -> None:
    plain = body(Endpoint("http://h", "m"), True)
    assert plain["ignore_eos"] is True
    own = body(Endpoint("http://h", "m", ignore_eos={"generation_config": "{}"}), True)
    assert own["generation_config"] == "{}"
    assert "ignore_eos" not in own
    assert {**own, "ignore_eos": True}.keys() - {"generation_config"} == plain.keys()


def test_nothing_is_said_where_answers_may_end() -> None:
    for endpoint in (Endpoint("http://h", "m"), Endpoint("http://h", "m", ignore_eos={"min_tokens": 7})):
        assert {"ignore_eos", "min_tokens"}.isdisjoint(body(endpoint, False))
