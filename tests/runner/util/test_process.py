"""Every start has an owner that ends everything it started, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.domain.trial import Exit
from runner.util import process, procfs

PY = sys.executable
SLEEP = [PY, "-c", "import time; time.sleep(600)"]

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
same = subprocess.Popen([sys.executable, "-c", child])
away = subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
lost = (
    "import subprocess, sys;"
    "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True, stdout=2);"
    "print(p.pid, flush=True)"
)
orphan = subprocess.run([sys.executable, "-c", lost, child], stdout=subprocess.PIPE, text=True).stdout.strip()
print("pids", os.getpid(), same.pid, away.pid, orphan, flush=True)
time.sleep(600)
"""


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; the limit only keeps a broken test from hanging for ever."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    found = procfs.stat(pid)
    return found is not None and not found.zombie


@pytest.fixture
def foreign() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else, with the same command line as what the tests start."""
    popen = subprocess.Popen(SLEEP, start_new_session=True)
    yield popen
    assert popen.poll() is None, "a process that is not ours was ended"
    popen.kill()
    popen.wait()


def test_output_is_in_the_log_from_the_first_byte(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("before\n")
    script = "import sys; print('out', flush=True); print('err', file=sys.stderr); print(repr(sys.stdin.read()))"
    with process.start([PY, "-c", script], label="a", stdout=log) as owned:
        assert owned.wait(60) == Exit(0)
    assert log.read_text() == "before\nout\nerr\n''\n"


def test_exit_code_and_signal_are_told_apart() -> None:
    with process.start([PY, "-c", "raise SystemExit(3)"], label="a") as owned:
        assert owned.wait(60) == Exit(3)
        assert owned.poll() == Exit(3)
    with process.start([PY, "-c", "import os; os.abort()"], label="a") as owned:
        assert owned.wait(60) == Exit(None, "SIGABRT")


def test_the_child_carries_the_label_and_runs_in_its_own_session(tmp_path: Path) -> None:
    script = "import os; print(os.environ['TUNEBOOK_ATTEMPT'], os.getsid(0) == os.getpid())"
    with process.start([PY, "-c", script], label="attempt-7", stdout=tmp_path / "log", env={}) as owned:
        owned.wait(60)
    assert (tmp_path / "log").read_text() == "attempt-7 True\n"


def test_a_pinned_one_has_no_other_cpu_from_its_first_instruction_nor_has_what_it_starts(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    last = max(before)
    child = "import os; print(os.sched_getaffinity(0))"
    script = (
        f"import os, subprocess, sys; {child}; sys.stdout.flush(); subprocess.run([sys.executable, '-c', {child!r}])"
    )
    with process.start([PY, "-c", script], label="a", stdout=tmp_path / "log", cpus=(last,)) as owned:
        assert owned.wait(60) == Exit(0)
    assert (tmp_path / "log").read_text() == f"{{{last}}}\n" * 2
    assert os.sched_getaffinity(0) == before, "and we have ours again"


def test_a_cpu_that_is_not_there_starts_nothing() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(OSError, match="Invalid argument"):
        process.start([PY, "-c", ""], label="a", cpus=(1023,))
    assert os.sched_getaffinity(0) == before


def test_stubborn_engine_and_children_are_gone(tmp_path: Path, foreign: subprocess.Popen[bytes]) -> None:
    log = tmp_path / "log"
    with process.start([PY, "-c", STUBBORN], label="a", stdout=log) as owned:
        until(lambda: "pids" in log.read_text())
        pids = [int(word) for word in log.read_text().split()[1:]]
        assert len(pids) == 4
        assert all(alive(pid) for pid in pids)
        assert owned.stop(0.1) == Exit(None, "SIGKILL")
        assert owned.survivors == ()
    assert [pid for pid in pids if procfs.stat(pid) is not None] == [], "gone, and no zombie left"


def test_orphan_without_our_environment_is_known_from_an_earlier_look(
    tmp_path: Path, foreign: subprocess.Popen[bytes]
) -> None:
    log = tmp_path / "log"
    script = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True, env={}); print('pid', p.pid, flush=True); sys.stdin.readline()"
    )
    owned = process.start([PY, "-c", script], label="a", stdout=log, stdin=process.PIPE)
    until(lambda: "\n" in log.read_text())
    orphan = int(log.read_text().split()[1])
    until(lambda: owned.poll() is None and orphan in owned._seen)
    assert owned.stdin is not None
    owned.stdin.write(b"go\n")
    owned.stdin.flush()
    assert owned.wait(60) == Exit(0)
    assert alive(orphan)
    assert owned.stop(0.1) == Exit(0)
    assert procfs.stat(orphan) is None


def test_a_crashed_leader_does_not_hide_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = (
        "import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        " print('pid', p.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    with process.start([PY, "-c", script], label="a", stdout=log) as owned:
        assert owned.wait(60) == Exit(None, "SIGKILL")
        child = int(log.read_text().split()[1])
        assert alive(child)
    assert procfs.stat(child) is None


def test_stop_is_idempotent_and_may_come_from_another_thread() -> None:
    owned = process.start(SLEEP, label="a")
    threads = [threading.Thread(target=owned.stop, args=(5.0,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert owned.stop(5.0) == Exit(None, "SIGTERM")
    assert owned not in process.live()
    assert procfs.stat(owned.pid) is None


def test_a_stop_at_once_cuts_a_patient_one_short(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    owned = process.start([PY, "-c", deaf], label="a", stdout=log)
    until(lambda: log.read_text() == "1\n")
    patient = threading.Thread(target=owned.stop, args=(500.0,), daemon=True)
    patient.start()
    process.stop_all(0.0)
    patient.join(60)
    assert not patient.is_alive()
    assert owned.poll() == Exit(None, "SIGKILL")


def test_a_signal_handler_may_stop_what_its_own_thread_is_stopping(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    owned = process.start([PY, "-c", deaf], label="a", stdout=log)
    until(lambda: log.read_text() == "1\n")
    before = signal.signal(signal.SIGALRM, lambda *_: process.stop_all(0.0))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert owned.stop(500.0) == Exit(None, "SIGKILL")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert procfs.stat(owned.pid) is None


def test_stop_all_ends_what_lives(foreign: subprocess.Popen[bytes]) -> None:
    one, two = process.start(SLEEP, label="a"), process.start(SLEEP, label="b")
    process.stop_all(0.0)
    assert not alive(one.pid)
    assert not alive(two.pid)


def test_two_starts_of_one_attempt_do_not_end_each_other() -> None:
    with process.start(SLEEP, label="same") as engine:
        with process.start(SLEEP, label="same"):
            pass
        assert engine.poll() is None


def test_end_labelled_ends_only_the_label(foreign: subprocess.Popen[bytes]) -> None:
    other = process.start(SLEEP, label="other-attempt")
    mine = process.start(SLEEP, label="dead-attempt")
    lines = process.end_labelled("dead-attempt", 2.0)
    assert [f"process {mine.pid}:" in line for line in lines] == [True]
    assert not alive(mine.pid)
    assert alive(other.pid)
    mine.stop(0)
    other.stop(0)


def test_a_missing_program_starts_nothing(tmp_path: Path) -> None:
    before = process.live()
    with pytest.raises(FileNotFoundError):
        process.start([str(tmp_path / "nothing")], label="a", stdout=tmp_path / "log")
    assert process.live() == before


def test_run_ends_a_command_and_its_children_at_the_limit() -> None:
    script = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        " print(p.pid, flush=True); time.sleep(600)"
    )
    done = process.run([PY, "-c", script], timeout=1.5)
    assert done.exit is None
    assert not done.ok
    assert procfs.stat(int(done.stdout)) is None


def test_run_gives_both_outputs() -> None:
    done = process.run([PY, "-c", "import sys; print(1); print(2, file=sys.stderr)"], timeout=60)
    assert (done.ok, done.stdout, done.stderr) == (True, "1\n", "2\n")


def test_an_ignored_interrupt_is_not_inherited(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
        process.start([PY, "-c", script], label="a", stdout=tmp_path / "log").wait(60)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        process.stop_all(0)
    assert (tmp_path / "log").read_text() == "False\n"


SHARED = """
import mmap, os, sys, time
for name in sys.argv[1:]:
    with open("/dev/shm/" + name, "a+b") as f:
        f.truncate(4096)
        globals()[name] = mmap.mmap(f.fileno(), 4096)
print("ready", flush=True)
time.sleep(600)
"""


def test_shared_memory_of_the_attempt_is_removed_and_no_other(tmp_path: Path) -> None:
    ours, older, strangers = (f"tb_test_{kind}_{os.getpid()}" for kind in ("new", "old", "foreign"))
    (procfs.SHM / older).write_bytes(b"x")
    try:
        with process.start([PY, "-c", SHARED, ours, older], label="a", stdout=tmp_path / "log"):
            (procfs.SHM / strangers).write_bytes(b"x")
            until(lambda: (tmp_path / "log").read_text() == "ready\n")
        assert not (procfs.SHM / ours).exists()
        assert (procfs.SHM / older).exists(), "it was there before the start"
        assert (procfs.SHM / strangers).exists(), "it appeared meanwhile, but no process of ours had it"
    finally:
        for name in (ours, older, strangers):
            (procfs.SHM / name).unlink(missing_ok=True)
