"""A process that leases GPUs, for tests: they kill it, wait for it, and race it.

hold COUNT [inherit]   lease COUNT GPUs, print their UUIDs, hold them until stdin ends; `inherit`: with a child that
                       inherits every open file it can
race COUNT TIMES DIR   lease TIMES times; while holding, own a file per GPU in DIR that must not be there yet
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runner.domain.campaign import Hardware
from runner.hardware.lease import leased
from runner.util.clock import utc_now

ME = {"host": os.uname().nodename, "pid": os.getpid(), "campaign": "held-by-a-test", "utc": utc_now()}


def hold(count: int, inherit: bool) -> None:
    with leased(Hardware(gpus=count), ME) as gpus:
        child = subprocess.Popen(["sleep", "600"], close_fds=False) if inherit else None
        print(*(gpu.uuid for gpu in gpus), *([child.pid] if child else []), flush=True)
        sys.stdin.read()


def race(count: int, times: int, folder: Path) -> None:
    for _ in range(times):
        with leased(Hardware(gpus=count), ME) as gpus:
            for gpu in gpus:
                os.close(os.open(folder / gpu.uuid, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            for gpu in gpus:
                (folder / gpu.uuid).unlink()


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(int(sys.argv[2]), "inherit" in sys.argv)
    else:
        race(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
