"""llama.cpp's own HTTP server as a process of its own, with the flag names of `llama-server`.

The wheel `xllamacpp` carries that server as a library without a command line; this file is the command line. It is
started as a file by the ENGINE's interpreter (Python 3.11 or newer), which need not know tunebook: only the standard
library, xllamacpp and the table `flags.toml` beside it.

An unknown flag or a value of the wrong type ends it with exit 2 and a usage text, before the model is touched. When
the model is loaded and the port is open it prints one line `READY {json}`. SIGTERM ends it at once.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import signal
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("flags.toml").read_text(encoding="utf-8"))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="llama_cpp", allow_abbrev=False)
    made.add_argument("--model", required=True, help="GGUF file")
    made.add_argument("--alias", default="model", help="model name in requests")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, required=True)
    for name, row in TABLE.items():
        kind = row["type"]
        if kind == "bool":
            made.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=None, help=row["about"])
        elif kind == "choice":
            made.add_argument(f"--{name}", choices=row["choices"], help=row["about"])
        else:
            made.add_argument(f"--{name}", type={"int": int, "float": float, "text": str}[kind], help=row["about"])
    return made


def apply(xllamacpp: Any, params: Any, row: dict[str, Any], value: Any) -> None:
    """Put one flag where the engine wants it."""
    if "enum" in row:
        member = row["members"][value] if "members" in row else row["prefix"] + value.upper()
        value = getattr(getattr(xllamacpp, row["enum"]), member)
    if row.get("inverted"):
        value = not value
    *path, last = row["attribute"].split(".")
    target = params
    for step in path:
        target = getattr(target, step)
    setattr(target, last, value)


def main() -> None:
    arguments = vars(parser().parse_args())
    faulthandler.enable()
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # an abort would start a debugger first: seconds, and a child
    started = time.monotonic()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = arguments["model"]
    params.model_alias = {arguments["alias"]}
    params.hostnames = [arguments["host"]]
    params.port = arguments["port"]
    params.endpoint_metrics = params.endpoint_slots = params.endpoint_props = True
    given = {name: arguments[name.replace("-", "_")] for name in TABLE}
    if given["threads"] is not None and given["threads-batch"] is None:
        given["threads-batch"] = given["threads"]
    for name, value in given.items():
        if name.startswith("threads") and value == 0:
            continue  # llama-server counts the cores then; the library would abort
        if value is not None:
            apply(xllamacpp, params, TABLE[name], value)

    server = xllamacpp.Server(params)  # loads the model and listens, or raises RuntimeError
    build = xllamacpp.BUILD_INFO
    ready = {
        "version": version("xllamacpp"),
        "build": f"{build['build_target']}, {build['compiler']}, llama.cpp {build['commit']}",
        "address": server.listening_address,
        "seconds": round(time.monotonic() - started, 3),
        "python": ".".join(map(str, sys.version_info[:3])),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"),
    }
    print("READY " + json.dumps(ready), flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
