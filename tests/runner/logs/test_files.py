"""One log while it grows, is cut, is replaced at the seal."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.logs.files import LONGEST, LogFile
from runner.util import logs
from runner.util.redact import hide


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "engine.log"
    path.touch()
    return path


def more(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_line_is_shown_once_it_is_whole(log: Path) -> None:
    file = LogFile(log)
    assert list(file.lines(last=False)) == []
    more(log, b"one\ntw")
    assert list(file.lines(last=False)) == ["one"]
    more(log, b"o\nthr")
    assert list(file.lines(last=False)) == ["two"]
    assert list(file.lines(last=True)) == ["thr"]
    assert list(file.lines(last=True)) == []
    file.close()


def test_a_log_that_is_replaced_and_removed_is_read_to_its_end(log: Path) -> None:
    more(log, b"one\n")
    file = LogFile(log)
    assert list(file.lines(last=False)) == ["one"]
    more(log, b"two\n")
    logs.redact_cut(log)
    log.unlink()
    assert list(file.lines(last=True)) == ["two"]
    file.close()


def test_there_is_no_log_yet(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LogFile(tmp_path / "engine.log")


def test_a_large_log_is_shown_as_it_will_be_sealed(log: Path) -> None:
    more(log, b"".join(b"line %06d\n" % n for n in range(100_000)))
    file = LogFile(log)
    shown = list(file.lines(last=True))
    file.close()
    logs.redact_cut(log)
    assert shown == log.read_text().splitlines()
    assert len([line for line in shown if "bytes cut ...]" in line]) == 1


def test_a_line_without_end_is_cut_and_the_next_one_is_whole(log: Path) -> None:
    file = LogFile(log)
    assert list(file.lines(last=False)) == []
    hide("blue-giraffe-75")
    edge = LONGEST - len("blue-gir")
    more(log, b"x" * edge + b"blue-giraffe-75" + b"x" * LONGEST)
    [cut] = file.lines(last=False)
    assert cut.endswith(" [... line cut]")
    assert "blue-" not in cut, "the beginning of a value that was cut off is as secret as the whole"
    more(log, b"still the same line\nnext\n")
    assert list(file.lines(last=False)) == ["next"]
    file.close()


def test_secrets_colours_and_broken_text_do_no_harm(log: Path) -> None:
    more(log, b"\x1b[32mINFO\x1b[0m key hf_abcdefghij1234\nbad \xff\xfe byte\n\x1b[2Jgone\n")
    file = LogFile(log)
    assert list(file.lines(last=False)) == ["INFO key [redacted]", "bad \ufffd\ufffd byte", "\\x1b[2Jgone"]
    file.close()
