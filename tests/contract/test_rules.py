"""What the pre-check's tables promise, for every runtime that has one: a rule names flags that there are, says why, and
stands on something that anybody can look up."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from runner.runtimes import _rules, rules_of, runtimes
from runner.space.expressions import names_in
from runner.space.rules import Rule, Table
from tests import make

LOGS = Path(__file__).parent / "logs"
PACKAGES = Path(__file__).parents[2] / "runner" / "runtimes"
RULED = [name for name in runtimes.names() if rules_of(name).rules]
RULES = [(name, rule) for name in RULED for rule in rules_of(name).rules]
FIELD = re.compile(r"\{([^{}]+)\}")

KNOWN = {"gpus", "request_tokens", "max_concurrency", "prompt_tokens", "gpu.memory_gb", "gpu.capability",
         "host.memory_gb", "own_slots"}  # fmt: skip
OF_MODEL = {
    "weights_gb", "least_weights_gb", "kv_keys", "kv_values", "kv_numbers", "layers", "heads", "kv_heads", "positions",
    "form", "quantization",
}  # fmt: skip


def _flags(runtime: str) -> list[str]:
    return list(import_module(f"runner.runtimes.{runtime}").FLAGS)


def names_of(table: Table) -> set[str]:
    return {*table.let, *table.cache_types, *KNOWN, *(f"model.{name}" for name in OF_MODEL)}


def texts(table: Table) -> list[str]:
    rules = [text for rule in table.rules for text in (rule.when, *FIELD.findall(rule.reason))]
    formulas = [text for one in table.formulas for text in (one.when, one.weights, one.cache, one.total)]
    return [*rules, *formulas, *table.let.values(), *(f for one in table.formulas for f in FIELD.findall(one.where))]


def test_there_are_tables() -> None:
    assert {"llama_cpp", "vllm", "sglang", "tensorrt_llm", "transformers", "simulated"} <= set(RULED)


@pytest.mark.parametrize("runtime", RULED)
def test_an_expression_speaks_of_flags_that_there_are(runtime: str) -> None:
    """A name that is misspelt is unknown for ever, and its rule would never say anything."""
    table = rules_of(runtime)
    known = names_of(table) | set(_flags(runtime))
    for text in texts(table):
        assert {name for name in names_in(text) if not name.startswith("env.")} <= known, text
    assert {name for name in table.defaults if not name.startswith("env.")} <= known
    assert set(table.cache_types.values()) <= known


@pytest.mark.parametrize(("runtime", "rule"), RULES, ids=[f"{runtime}-{rule.name}" for runtime, rule in RULES])
def test_a_rule_is_proved(runtime: str, rule: Rule) -> None:
    """By a line of a log in `logs/`, by what the engine's signatures know, or by an address."""
    assert rule.reason
    assert len(rule.proof) > 10
    if rule.proof.startswith("https://"):
        return
    texts = [path.read_text("utf-8") for path in (LOGS / runtime).glob("*.log")]
    signatures = PACKAGES / runtime / "signatures.toml"
    texts += [signatures.read_text("utf-8")] if signatures.is_file() else []
    assert any(rule.proof in text for text in texts), f"{runtime}: nobody has said {rule.proof!r}"


@pytest.mark.parametrize(("runtime", "rule"), RULES, ids=[f"{runtime}-{rule.name}" for runtime, rule in RULES])
def test_a_rule_that_knows_nothing_lets_pass(runtime: str, rule: Rule) -> None:
    table = rules_of(runtime)
    of = make.campaign()
    chosen = make.configuration(runtime=runtime)
    bare = type(chosen)(chosen.entry, runtime, {}, {}, {}, "0" * 16)
    assert _rules.refusal(Table(rules=(rule,), defaults=table.defaults, let=table.let), bare, of) is None


def test_a_rule_of_some_versions_says_nothing_of_an_unknown_one() -> None:
    rule = Rule("r", "true", "no", "https://example.org", since="0.9", until="0.11")
    always = Rule("a", "true", "no", "https://example.org")
    table = Table(rules=(rule, always))
    assert list(_rules.holding(table, None)) == [always]
    assert list(_rules.holding(table, "0.8.5")) == [always]
    assert list(_rules.holding(table, "0.9.0")) == [rule, always]
    assert list(_rules.holding(table, "0.10.2")) == [rule, always]
    assert list(_rules.holding(table, "0.11")) == [always]
