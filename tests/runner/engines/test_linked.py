"""An engine that somebody keeps on another disk and links into the cache."""

from __future__ import annotations

from pathlib import Path

from runner.engines import environments
from runner.engines.remove import remove


def test_of_a_linked_engine_only_the_link_goes(cache: Path, tmp_path: Path) -> None:
    for name in ("big/venv/engine.json", "big/venv/lib/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    link = environments.folder_of("vllm", "1.0")
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "big/venv")
    removed = remove(link)
    assert removed is not None
    assert removed.folder == link
    assert not link.is_symlink()
    assert (tmp_path / "big/venv/engine.json").exists()
    assert (tmp_path / "big/venv/lib/a.py").exists()
