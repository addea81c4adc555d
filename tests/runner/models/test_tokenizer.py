"""The tokenizer as a path: of the hub, of a folder, of a GGUF's own header."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from runner.deployers import PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, Entry, Model, Timeouts
from runner.domain.trial import Configuration
from runner.engines import environments
from runner.loadgens import genai_bench
from runner.models.fetch import locate
from runner.models.tokenizer import token_counts, tokenizer_json, tokenizer_path
from runner.runtimes.llama_cpp import RUNTIME as LLAMA
from runner.util import net
from tests.make import weights
from tests.stories.test_llama import CAMPAIGN

COMMIT = "d" * 40
REAL = Model(**yaml.safe_load(CAMPAIGN)["model"])

TEXTS = [
    "",
    "Hello world",
    "The year is 2026, and 1234567 tokens cost $0.05.",
    "def f(x):\n    return x  # naïve\n",
    "Grüße aus München: 你好, мир! 🙂",
    " leading and  double   spaces ",
    "it's WE'LL they'd\r\n\t\tx",
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert tokenizer_path(Model(id="some/model"), tmp_path) is None
    home = tmp_path / "models--some--model"
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    assert tokenizer_path(Model(id="some/model"), tmp_path) is None
    (snapshot / "tokenizer.json").write_text("{}")
    assert tokenizer_path(Model(id="some/model"), tmp_path) == snapshot
    assert tokenizer_path(Model(id="some/model", revision=COMMIT), tmp_path) == snapshot


def test_of_a_folder(tmp_path: Path) -> None:
    folder = weights.folder(tmp_path / "m")
    assert tokenizer_path(Model(path="m"), tmp_path) is None
    (folder / "tokenizer.json").write_text("{}")
    assert tokenizer_path(Model(path="m"), tmp_path) == folder
    assert tokenizer_path(Model(path="nowhere"), tmp_path) is None


def test_of_a_gguf(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(weights.gguf({**weights.LLAMA, "tokenizer.ggml.pre": "smollm"}))
    folder = tokenizer_path(Model(path="m.gguf"), tmp_path)
    assert folder is not None
    assert folder.parent == cache / "tokenizers"
    made = json.loads((folder / "tokenizer.json").read_text())
    assert made["model"] == {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
    assert tokenizer_path(Model(path="m.gguf"), tmp_path) == folder


@pytest.mark.parametrize(
    "changes",
    [{"tokenizer.ggml.model": "llama"}, {"tokenizer.ggml.pre": "of-tomorrow"}, {"tokenizer.ggml.merges": []}],
)
def test_a_kind_that_is_not_known_gives_none(changes: weights.Metadata) -> None:
    assert tokenizer_json({**weights.LLAMA, **changes}) is None


def test_who_can_not_count_says_so(tmp_path: Path, cache: Path) -> None:
    assert token_counts(tmp_path, ["a"], "/nowhere/python") is None
    assert token_counts(tmp_path, ["a"], "/usr/bin/false") is None
    assert list((cache / "tokenizers").iterdir()) == [], "texts stay nowhere"


@pytest.mark.engine
@pytest.mark.genai_bench
def test_it_counts_as_the_engine_does(tmp_path: Path) -> None:
    """llama.cpp is asked with the same file. The package is that of the environment of genai-bench."""
    path = locate(REAL, tmp_path)
    folder = tokenizer_path(REAL, tmp_path)
    assert folder is not None
    [one, *_] = environments.installed(genai_bench.RECIPE)
    counts = token_counts(folder, TEXTS, str(one.python))

    log = tmp_path / "engine.log"
    request = PlaceRequest("tokenizer-test", str(path), "smol", sys.executable, tmp_path, log)
    placement = Local().place(request, Deploy())
    configuration = Configuration("llama", "llama_cpp", {}, {"threads": 1, "ctx-size": 64}, {}, "0" * 16)
    launch = LLAMA.launch(configuration, Entry("llama", "llama_cpp"), placement)
    limits = Timeouts(load=120, ready=120, no_progress=120, stop=5)
    with Local().start(launch, placement, request) as engine:
        assert wait_ready(engine, launch, engine.endpoint, log, limits, lambda: False, lambda _: None).failure is None
        asked = [
            net.post_json(f"{engine.endpoint.base_url}/tokenize", {"content": text, "add_special": False}, 30)[1]
            for text in TEXTS
        ]
    assert counts == [len(json.loads(answer)["tokens"]) for answer in asked]
