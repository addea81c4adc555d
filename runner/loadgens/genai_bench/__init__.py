"""genai-bench 0.0.5 as a load generator: an independent client, run in an environment of its own and kept honest.

It makes the users, sends the requests and takes the times. Which requests, when a level begins and ends, and what
became of each of them is ours: `python -m runner.loadgens.genai_bench` speaks the protocol, makes the same prompts as
the native client and starts `shim.py` inside genai-bench's interpreter. Without the shim its numbers can not be used:
it has no request timeout, counts a lost request nowhere, and knows a level only in whole minutes.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from runner.errors import EngineMissing, Problem
from runner.loadgens import Can, LoadGenerator
from runner.util.project import cache_folder

PINNED = "0.0.5"
"""The shim replaces private names: it was written for this version, and looks for each of them."""
DRIVER = "1"
"""Changes when a number that it reports could change."""
SETTING = "TUNEBOOK_GENAI_BENCH"
"""Environment variable: the Python, or the folder of the environment, that has genai-bench."""
RECIPE = "genai_bench"


def candidates() -> Iterator[Path]:
    """Interpreters that may have it, the first one counts: what the setting names, what `tunebook engine install`
    made, the Python beside the program `genai-bench`."""
    named = os.environ.get(SETTING)
    if named:
        path = Path(named).expanduser()
        yield path / "bin" / "python" if path.is_dir() else path
        return
    made = cache_folder() / "engines" / f"{RECIPE}-{PINNED}"
    if (made / "engine.json").is_file():  # written last: without it the installation is not whole
        yield made / "bin" / "python"
    program = shutil.which("genai-bench")
    if program is not None:
        yield Path(program).resolve().parent / "python"


def interpreter() -> Path:
    """Raises EngineMissing with what to do. Nothing is started: the shim itself looks at what it finds there."""
    for python in candidates():
        if os.access(python, os.X_OK):
            return python
        if os.environ.get(SETTING):
            raise EngineMissing(f"{SETTING}: no Python at {python}", hint="name a Python that has genai-bench 0.0.5")
    what = f"the load generator genai-bench {PINNED} is not installed"
    raise EngineMissing(what, hint="run `tunebook engine install genai-bench`")


class GenaiBench:
    name = "genai-bench"
    can = frozenset({Can.DATASET, Can.PREFIX, Can.PREFIX_GROUPS, Can.EMBEDDINGS})  # the prompts are ours

    def version(self) -> str:
        return f"{PINNED}+tunebook.{DRIVER}"

    def command(self, job: Path, rows: Path) -> list[str]:
        return [sys.executable, "-m", "runner.loadgens.genai_bench", str(job), str(rows), str(interpreter())]

    def needs(self) -> Problem | None:
        try:
            interpreter()
        except EngineMissing as error:
            return error.problems()[0]
        return None

    def why_not(self, need: Can) -> str:
        if need is Can.COMPLETIONS:
            return f"version {PINNED} asks /v1/chat/completions and nothing else for text"
        return f"version {PINNED} has users who wait for their answers, and no request rate"

    def measures(self, metric: str) -> bool:
        """It keeps no time of a token but the first and the last."""
        return metric not in ("itl", "ttfa", "loop_lag", "send_delay")


LOADGEN: LoadGenerator = GenaiBench()
