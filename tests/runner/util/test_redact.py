from __future__ import annotations

import pickle

import pytest

from runner.util.redact import HIDDEN, Secret, hide, redact, redacted
from tests.make import canaries


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hidden here is hidden from no other test."""
    monkeypatch.setattr("runner.util.redact._values", set())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token is hf_abcdEFGH1234567890", "hf_abcdEFGH1234567890"),
        ("OPENAI_API_KEY=sk-proj-abc123DEF456ghi", "sk-proj-abc123DEF456ghi"),
        ("Authorization: Bearer eyJhbGciOi.J9abc", "eyJhbGciOi.J9abc"),
        ("git clone https://me:s3cr3t@example.org/x.git", "s3cr3t"),
        ("--api-key my-long-key-12345", "my-long-key-12345"),
        ('{"password": "hunter2hunter2"}', "hunter2hunter2"),
        ("MY_HF_TOKEN=abcdefgh1", "abcdefgh1"),
        ("ghp_abcdefghijklmnop1234", "ghp_abcdefghijklmnop1234"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "max_new_tokens: 200 prompt_tokens_total 105",
        "output_token_throughput 12.5",
        "http://127.0.0.1:8000/v1/chat/completions",
        "token_embd.weight is not within the file bounds",
        "--tokenizer HuggingFaceTB/SmolLM2-135M-Instruct",
        "print_timing: eval time = 12.00 ms / 105 tokens",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("piece", ["x", "a-", "a.", "token", "token=", "http://", "sk-", "hf_", "basic ", "token  "])
def test_a_line_of_a_megabyte_is_no_trap(piece: str) -> None:
    """Ends at once, or, with a pattern that goes over the line from each of its letters, not on this day."""
    line = piece * (2**20 // len(piece))
    assert redact(line) in (line, HIDDEN, piece + HIDDEN)


def test_a_hidden_value_goes_wherever_it_stands() -> None:
    hide("plain words of a secret")
    assert redact("said: plain words of a secret!") == f"said: {HIDDEN}!"


def test_secret_shows_nothing() -> None:
    secret = Secret("open sesame 42")
    assert "sesame" not in f"{secret} {secret!r} {[secret]}"
    assert redact("try open sesame 42") == f"try {HIDDEN}"
    assert secret.reveal() == "open sesame 42"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_value_that_was_cut_off_goes_where_the_text_was_cut() -> None:
    hide("blue-giraffe-74")
    assert redact("the key blue-giraf", cut=True) == f"the key {HIDDEN}"
    assert redact("the key blue-giraf") == "the key blue-giraf"
    assert redact("the key is blue", cut=True) == "the key is blue"


def test_a_value_goes_as_json_spells_it() -> None:
    hide('quoted"value')
    assert redact('{"key": "quoted\\"value"}') == f'{{"key": "{HIDDEN}"}}'


@pytest.mark.parametrize("kind", canaries.BY_SHAPE)
def test_a_secret_is_known_by_its_shape(kind: str) -> None:
    value = canaries.BY_SHAPE[kind]
    for text in (value, f"x {value} y", f'{{"key": "{value}"}}', f"'{value}',", f"https://a.example/?x={value}&y"):
        assert value not in redact(text), text
        assert HIDDEN in redact(text)


@pytest.mark.parametrize("kind", canaries.IN_CONTEXT)
def test_a_secret_is_known_by_what_stands_beside_it(kind: str) -> None:
    text, value = canaries.IN_CONTEXT[kind]
    assert value not in redact(f"E 12:00 {text.format(value)} failed")
    assert "failed" in redact(f"E 12:00 {text.format(value)} failed")


@pytest.mark.parametrize(
    "text",
    [
        "sha256:b179c9523d0e6a0f98a330c7562b682750a6f0c8c15e5bc70ea3737281100b53",
        "version b179c9523d0e6a0f98a330c7562b682750a6f0c8c15e5bc70ea3737281100b53",
        "attempt 019cac0f-2eb4-7000-8000-000000000834 of trial 5d0f6b1e-3b1c-5e0a-9a44-2a4f8f3b9c11",
        "fingerprint 1a2b3c4d5e6f7788",
        "TheBloke/Mixtral-8x7B-Instruct-v0.1-GPTQ and nm-testing/Qwen2-0.5B-W8A8-FP8-Channelwise-compressed",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "vllm/vllm-openai:v0.33.0@sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
        "BOS token = 1 '<|im_start|>' EOS token id: 151645",
        "sk-learn is not installed; task-force-alpha-1234567890",
        "hf_quantizer and hf_transfer are on, api_completions is off",
        "basic configuration loaded; bearer authentication is off",
        "max-num-batched-tokens=8192 key=value secret=none password: required",
        "ghcr.io/ggml-org/llama.cpp:server-cuda-b5604",
        "git@github.com:owner/repository.git ssh://git@host.example:22/x",
        "http://127.0.0.1:8000/v1/chat/completions?code=7",
        "AKIRA-2 glperf-12345678901234567890 asian-languages",
        "--tokenizer-mode auto --served-model-name eyJ",
        "tokenizer=HuggingFaceTB/SmolLM2-135M-Instruct tokens=123456789012",
        "kv_cache_dtype=fp8_e4m3 num_key_value_heads=8 key_length=128000000",
        "ZmxvYXQxNg==/base64-like/8x22B-v0.3",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "shape", ["x", "a-", "token", "://a", "eyJaaaaaaaa.", "http://a:", "sk-", "--a", "=", "bearer "]
)
def test_a_megabyte_of_anything_is_read_in_one_go(shape: str) -> None:
    """Were a pattern quadratic, this would take hours."""
    assert len(redact(shape * (1_000_000 // len(shape)))) > 100


def test_data_keeps_its_numbers_and_its_shape() -> None:
    hide("123456")
    data = {"n": 0.123456, "id": "x", "said": ["code 123456", {"123456": None}], "inside": "a1234567"}
    assert redacted(data) == {
        "n": 0.123456,
        "id": "x",
        "said": [f"code {HIDDEN}", {HIDDEN: None}],
        "inside": "a1234567",
    }
