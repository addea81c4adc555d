"""What leaves, and what does not."""

from __future__ import annotations

import pytest

from report.publish import Publisher

PUBLISHER = Publisher(["build-7", "dba", "dba-2.example.org"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("failed to open /home/alice/models/tiny.gguf: no such file", "failed to open <path>/tiny.gguf: no such file"),
        ("/src/llama.cpp/ggml.c:123: GGML_ASSERT(a > b) failed", "<path>/ggml.c:123: GGML_ASSERT(a > b) failed"),
        ("--model=/srv/models/alice", "--model=<path>"),
        ("--volume $MODEL:/home/alice/x:ro", "--volume $MODEL:<path>:ro"),
        ("see https://example.org/a/b and http://h:80/a/b", "see https://example.org/a/b and http://h:80/a/b"),
        ('"/home/alice/a\\"b"', '"<path>\\"b"'),
        ("--model $MODEL --port $PORT", "--model $MODEL --port $PORT"),
        ("GET /v1/chat/completions 503", "GET /v1/chat/completions 503"),
        ("GET /health 503", "GET /health 503"),
        ("connect to 10.1.2.3:8000 failed", "connect to <address>:8000 failed"),
        ("connect to 127.0.0.1:8000 failed", "connect to 127.0.0.1:8000 failed"),
        ("on dba-2.example.org and on dba, not on mydba or dba3", "on host-3 and on host-2, not on mydba or dba3"),
        ("n_batch 1/2 and/or 3 / 4", "n_batch 1/2 and/or 3 / 4"),
        ("version 1.2.3.4-rc1", "version 1.2.3.4-rc1"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [redacted]"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert PUBLISHER.text(text) == shown


def test_hosts_have_aliases_in_order_of_appearance() -> None:
    assert [PUBLISHER.host(name) for name in ("build-7", "dba", "stranger")] == ["host-1", "host-2", "host"]


def test_private_shows_all_but_secrets() -> None:
    private = Publisher(["build-7"], private=True)
    assert private.host("build-7") == "build-7"
    assert private.text("/home/alice/x.gguf on build-7, token=hf_abcdefgh12345") == (
        "/home/alice/x.gguf on build-7, token=[redacted]"
    )


def test_a_text_column_that_nobody_listed_does_not_leave() -> None:
    with pytest.raises(ValueError, match="prompt_text"):
        PUBLISHER.rows({"number": "INTEGER", "prompt_text": "VARCHAR"}, [(1, "secret")])
    assert not PUBLISHER.allows("boot_id")
    assert PUBLISHER.rows({"number": "INTEGER", "host": "VARCHAR"}, [(1, "dba")]) == [{"number": 1, "host": "host-2"}]
