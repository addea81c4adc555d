"""A part on a disk that takes less than it is given."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from runner.models.download.part import Part
from runner.models.download.transfer import Settings, silent, transfer
from runner.models.hashes import Promise
from tests.runner.models.test_bad_answers import says


class Short(io.FileIO):
    """Takes three bytes at a time, as the system's own write may."""

    def write(self, block: Any) -> int:
        return super().write(bytes(block)[:3])


def test_a_short_write_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Part, "writer", lambda self: Short(self.path, "ab"))
    part = Part("x", tmp_path / "x", tmp_path / "x.part", tmp_path / "x.lock")
    with says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789") as url:
        transfer(url, {}, part, Promise(10), Settings(retries=0), silent)
    assert part.target.read_bytes() == b"0123456789"
