"""genai-bench as a process of ours: its environment, its command line, the orders it gets and the events it gives."""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from runner.loadgens import Job
from runner.util import process

SHIM = Path(__file__).with_name("shim.py")
_PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that it inherits: it writes the values of variables that name one of its options into logs and files."""

Item = tuple[str, Any]
"""What the main thread waits for: ("order", line), ("event", object) or ("ended", None) of genai-bench."""


class Broken(Exception):
    """genai-bench can not go on: one sentence that says why."""


def environment(home: Path, python: str) -> dict[str, str]:
    """No secret, no proxy, no network but the engine's, and a home without a `.netrc`."""
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    own = Path(python).parent.parent
    if (own / "pyvenv.cfg").is_file() and os.access(own, os.W_OK):
        kept["MPLCONFIGDIR"] = str(own / "matplotlib")  # else it looks for the fonts of the machine at every start
    return kept | {
        "HOME": str(home),
        "NO_PROXY": "*",
        "no_proxy": "*",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
    }


def arguments(job: Job, folder: Path) -> list[str]:
    """Of `genai-bench benchmark`, in the order that its callbacks need. The key of the endpoint is not among them:
    anybody may read a command line. Times and counts are bounds that never decide: a level ends by our order."""
    knows = job.ignore_eos and "ignore_eos" in job.endpoint.ignore_eos
    text = job.task == "text"
    words = [
        "benchmark",
        "--api-backend", "vllm" if knows else "openai",  # the second one never sends ignore_eos
        "--api-base", job.endpoint.base_url,
        "--api-key", "unused",
        "--api-model-name", job.endpoint.model,
        "--model-tokenizer", "unused",
        "--model", "model",
        "--task", "text-to-text" if text else "text-to-embeddings",
        "--max-time-per-run", "100000",
        "--max-requests-per-run", "1000000000",
        "--metrics-time-unit", "s",
        "--metrics-refresh-interval", "3600",
        "--experiment-base-dir", str(folder),
        "--experiment-folder-name", "experiment",
        "--log-dir", str(folder),
    ]  # fmt: skip
    # One pass of its loop for each level of ours. Lengths and prompts are ours too: one scenario stands for all.
    words += ["--traffic-scenario", "D(1,1)" if text else "E(1)"]
    loop = "--num-concurrency" if text else "--batch-size"  # of embeddings it knows one user; the shim says how many
    listed = [int(level.load_value) for level in job.levels]
    unlisted = range(1, job.count - len(listed) + 1)  # how many users they will have, the order says
    return words + [word for users in (*listed, *unlisted) for word in (loop, str(users))]


class Bench:
    """The process. A context manager: leaving it ends the process on every path, and removes its folder."""

    def __init__(self, job: Job, python: str, inbox: queue.SimpleQueue[Item]) -> None:
        self._inbox = inbox
        self._folder = tempfile.TemporaryDirectory(prefix="genai-bench-", dir=Path.cwd())
        home = Path(self._folder.name)
        self._owned = process.start(
            [python, "-I", str(SHIM), *arguments(job, home)],
            label=os.environ.get(process.LABEL, "genai-bench"),  # of the attempt: `reap` finds it
            env=environment(home, python),
            cwd=home,
            stdin=process.PIPE,
            stdout=process.PIPE,
            stderr=sys.stderr.fileno(),
        )
        extra = dict(job.endpoint.ignore_eos) if job.ignore_eos else {}
        self.send(
            {
                "model": job.endpoint.model,
                "api_key": job.endpoint.api_key,
                "request_timeout": job.each_level.request_timeout,
                "task": job.task,
                "parameters": {"temperature": job.temperature, **extra},
                "levels": job.count,
            }
        )
        threading.Thread(target=self._listen, name="genai-bench-events", daemon=True).start()

    def send(self, *orders: dict[str, Any]) -> None:
        """Orders, in one write. Silent when it is gone: the end of its events says so."""
        assert self._owned.stdin is not None
        try:
            self._owned.stdin.write("".join(json.dumps(order) + "\n" for order in orders).encode())
            self._owned.stdin.flush()
        except (OSError, ValueError):
            return

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._owned.stop(0.0)
        self._folder.cleanup()

    def how_it_ended(self) -> str:
        end = self._owned.wait(2.0)
        return "it runs, and says nothing" if end is None else end.signal or f"exit code {end.code}"

    def _listen(self) -> None:
        assert self._owned.stdout is not None
        try:
            for line in self._owned.stdout:
                try:
                    self._inbox.put(("event", json.loads(line)))
                except ValueError:
                    continue
        except (OSError, ValueError):  # closed under us: it was stopped
            pass
        self._inbox.put(("ended", None))
