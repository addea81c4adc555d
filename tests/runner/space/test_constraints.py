"""The expression language: what it computes, what it says when it says no, and what it refuses."""

from __future__ import annotations

import pytest

from runner.domain.parameters import Scalar
from runner.space.constraints import evaluate, explain, holds
from runner.space.expressions import ExpressionError, names_in, parse

NAMES: dict[str, Scalar] = {
    "ctx-size": 1024,
    "parallel": 8,
    "flash-attn": "off",
    "cache-type-v": "q8_0",
    "env.OMP": 2,
    "chunked": True,
    "share": 0.9,
    "request_tokens": 160,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ctx-size / parallel >= 128", True),
        ("ctx-size - parallel == 1016", True),
        ("ctx-size // 1000 == 1 and ctx-size % 1000 == 24", True),
        ("2 + 3 * 4 == 14", True),
        ("(2 + 3) * 4 == 20", True),
        ("10 - 4 - 3 == 3", True),
        ("-parallel < 0", True),
        ("1 < parallel <= 8", True),
        ("1 < parallel < 8", False),
        ("flash-attn == 'off'", True),
        ('flash-attn != "off"', False),
        ("flash-attn in ['on', 'auto']", False),
        ("flash-attn not in ['on', 'auto']", True),
        ("not chunked", False),
        ("chunked == true", True),
        ("not chunked or parallel == 8", True),
        ("env.OMP * 4 == parallel", True),
        ("share > 0.5", True),
        ("parallel == 8.0", True),
    ],
)
def test_computes(text: str, expected: bool) -> None:
    assert evaluate(text, NAMES) is expected


def test_a_switch_is_never_a_count() -> None:
    assert evaluate("chunked == 1", NAMES) is False
    assert evaluate("parallel == '8'", NAMES) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unset > 3", None),
        ("unset > 3 and parallel == 1", False),  # false whatever the engine's default is
        ("unset > 3 or parallel == 8", True),
        ("unset > 3 and parallel == 8", None),
        ("not unset", None),
        ("parallel in [8, unset]", None),
        ("1 < parallel < unset", None),
        ("9 < parallel < unset", False),
    ],
)
def test_a_name_without_a_value_is_unknown(text: str, expected: bool | None) -> None:
    assert evaluate(text, NAMES) is expected


def test_unknown_passes_a_where_and_fails_a_when() -> None:
    assert explain("unset > 3", NAMES) is None
    assert holds("unset > 3", NAMES) is False


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "ctx-size / parallel >= request_tokens",
            "ctx-size / parallel >= request_tokens is false: 1024 / 8 = 128 < 160",
        ),
        ("parallel <= 4", "parallel <= 4 is false: 8 > 4"),
        ("1 <= parallel <= 4", "1 <= parallel <= 4 is false: 8 > 4"),
        ("flash-attn == 'on'", "flash-attn == 'on' is false: flash-attn = 'off'"),
        (
            "cache-type-v == 'f16' or flash-attn != 'off'",
            "cache-type-v == 'f16' or flash-attn != 'off' is false: cache-type-v = 'q8_0' and flash-attn = 'off'",
        ),
        ("parallel == 8 and ctx-size > 2000", "parallel == 8 and ctx-size > 2000 is false: 1024 <= 2000"),
        ("not chunked", "not chunked is false: chunked = true"),
        ("not (parallel > 4)", "not (parallel > 4) is false: 8 > 4"),
        ("9 / (parallel - 8) > 1", "9 / (parallel - 8) > 1 can not be computed: 9 / 0 divides by zero"),
        ("ctx-size > 10 - (3 - parallel) * 600", "ctx-size > 10 - (3 - parallel) * 600 is false: "
         "1024 <= 10 - (3 - 8) * 600 = 3010"),
    ],
)  # fmt: skip
def test_reason_holds_the_numbers(text: str, reason: str) -> None:
    assert explain(text, NAMES) == reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("parallel = 8", "write =="),
        ("parallel >", "unexpected the end"),
        ("(parallel > 1", r"expected '\)'"),
        ("parallel 8", "unexpected '8' at column 10"),
        ("parallel > 1 ; import os", "not understood"),
        ("parallel.__class__()", "unexpected '\\('"),
        ("1 if parallel else 2", "unexpected 'if'"),
        ("((((((((((" * 9 + "1" + "))))))))))" * 9, "nested"),
        ("1" + " + 1" * 60 + " > 0", "in a row"),
        ("a" * 1001, "characters"),
        ("parallel > 1e400", "too large"),
    ],
)
def test_refuses_what_is_no_expression(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["parallel", "flash-attn > 3", "chunked + 1 > 2", "'a' * 1000 == 'b'", "parallel in 8", "[1] == [1]", "[[1]] == 2",
     "1e300 * 1e300 > 1", "parallel and chunked", "'10' < '9'", "-flash-attn < 1"],
)  # fmt: skip
def test_refuses_what_can_not_be_computed(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, NAMES)


def test_names() -> None:
    assert names_in("ctx-size / env.OMP > 1 and not chunked or 'on' in [mode]") == {
        "ctx-size",
        "env.OMP",
        "chunked",
        "mode",
    }
