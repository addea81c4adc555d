"""`clean` lists names that tunebook gives, and nothing that people put beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.clean import caches
from runner.clean.in_use import Held
from runner.clean.items import Item

SHA256 = "ab" * 32
KEY = "0123456789abcdef"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made(cache: Path, *names: str) -> None:
    for name in names:
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).write_text("x", encoding="utf-8")


def listed(cache: Path) -> set[str]:
    held = Held()
    items: list[Item] = [*caches.models("", held), *caches.downloads("", held), *caches.half_made(held)]
    return {item.path.relative_to(cache).as_posix() for item in items}


def test_what_people_put_into_the_cache_is_not_listed(cache: Path) -> None:
    ours = {
        f"models/{SHA256}/m.gguf", f"models/{SHA256}/m-hf1", f"models/by-address/{KEY}", "inputs/files",
        "inputs/prepared", f"snapshots/{SHA256[:32]}.duckdb", "vega-bundle-1.js", "models/.m.gguf.01234567.part",
        f"models/by-address/{KEY}/w.bin.part", "inputs/files/.01234567.part", "engines/vllm-1.0", "engines/vllm-2.0",
        "sql-engine-0123456789ab.zip", ".npm.01234567.part", "chart-specs-0123456789ab.js",
    }  # fmt: skip
    made(
        cache, f"models/{SHA256}/m.gguf", f"models/{SHA256}/m-hf1/config.json", f"models/by-address/{KEY}/w.bin.part",
        "inputs/prepared/a.jsonl", f"snapshots/{SHA256[:32]}.duckdb", "vega-bundle-1.js",
        "models/.m.gguf.01234567.part", "inputs/files/.01234567.part", "engines/vllm-1.0/pyvenv.cfg",
        "engines/.vllm-2.0.lock", "engines/vllm-2.0/x", "sql-engine-0123456789ab.zip", ".npm.01234567.part/package.tgz",
        "chart-specs-0123456789ab.js",
    )  # fmt: skip
    made(
        cache, "models/my-finetune/config.json", "models/my-finetune/w.part", "models/tiny-q4.gguf", "models/mine.part",
        f"models/{SHA256}/notes/a.txt", "models/by-address/mine/w.bin", "inputs/prompts.jsonl", "inputs/mine/a.jsonl",
        "snapshots/mine.duckdb", "vega-bundle-notes.txt", "chart-specs-mine.js", "sql-engine-mine.zip", ".npm-cache/x",
        "engines/my-work/years-of-it.txt",
    )  # fmt: skip
    assert listed(cache) == ours
