from __future__ import annotations

import pickle

import pytest

from runner.util.redact import HIDDEN, Secret, hide, redact


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
    assert redact(line) in (line, HIDDEN)


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
