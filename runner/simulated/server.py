"""`python -m runner.simulated.server`: the simulated engine as a process. See `--help`.

Exit codes: 0 after SIGTERM, 1 when it can not load or bind, 2 for a wrong command line, SIGABRT when scripted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence

from aiohttp import web

from runner.simulated import memory
from runner.simulated.engine import SimulatedEngine
from runner.simulated.faults import FAULTS, Fault, Script, parse_all
from runner.simulated.handlers import VERSION, application, die, log
from runner.simulated.surface import Flags

LOAD_SECONDS = 2.0
_CHILD_LIFE = 300  # seconds: a left child ends by itself, should nobody end it


def parser() -> argparse.ArgumentParser:
    default = Flags()
    made = argparse.ArgumentParser(prog="simulated-server", description=__doc__, allow_abbrev=False)
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=8000)
    made.add_argument("--model", default="simulated")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--max-num-seqs", type=_positive, default=default.max_num_seqs)
    made.add_argument("--threads", type=_positive, default=default.threads)
    made.add_argument("--block-size", type=int, choices=(8, 16, 32, 64, 128), default=default.block_size)
    made.add_argument("--cache-dtype", choices=tuple(memory.BYTES_SHARE), default=default.cache_dtype)
    made.add_argument("--ctx-size", type=_positive, default=default.ctx_size, help="tokens of one sequence")
    made.add_argument("--chunk-size", type=_positive, default=default.chunk_size, help="prefill chunk")
    made.add_argument("--memory-gb", type=float, default=default.memory_gb, help="memory of the machine")
    made.add_argument("--time-scale", type=float, default=1.0, help="0.1 = ten times faster")
    made.add_argument("--fault", action="append", default=[], help=f"one of {', '.join(FAULTS)}")
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser()
    options = arguments.parse_args(argv)
    try:
        faults = parse_all(options.fault)
    except ValueError as error:
        arguments.error(str(error))
    script = Script(faults, options.seed)
    if script.process("bad_flag"):
        arguments.error("unrecognized arguments: --scripted-bad-flag")
    if script.process("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if script.process("leave_children"):
        _leave_children()
    flags = Flags(
        options.max_num_seqs, options.threads, options.block_size, options.cache_dtype,
        options.ctx_size, options.chunk_size, options.memory_gb,
    )  # fmt: skip
    log(f"I simulated engine {VERSION}, model {options.model}, {flags}")
    return asyncio.run(_serve(flags, script, options))


def _leave_children() -> None:
    """Two processes that outlive this one, as the workers of real engines do: one in the same session, one not."""
    for leaves in (False, True):
        if os.fork() == 0:
            if leaves:
                os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(_CHILD_LIFE)
            os._exit(0)


async def _serve(flags: Flags, script: Script, options: argparse.Namespace) -> int:
    engine = SimulatedEngine(flags, scale=options.time_scale, model=options.model)
    # A request that is cut off must not live on as a task: cancel the handler when its client goes.
    runner = web.AppRunner(
        application(engine, script), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, options.host, options.port, backlog=1024).start()
        except OSError as error:
            log(f"E couldn't bind HTTP server socket, hostname: {options.host}, port: {options.port}: {error.strerror}")
            return 1
        stopped = asyncio.Event()
        if not script.process("ignore_sigterm"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        log(f"I listening on http://{options.host}:{options.port}")
        loading = asyncio.create_task(_load(engine, script, flags))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done() and not loading.result():
            return 1
        await stopping
        log("I SIGTERM: stopping")
        return 0
    finally:
        await runner.cleanup()


async def _load(engine: SimulatedEngine, script: Script, flags: Flags) -> bool:
    """Load the model. False when it can not; the reason stands in the log."""
    slow: Fault | None = script.process("slow_load")
    await asyncio.sleep((slow.value if slow else LOAD_SECONDS) * engine.scale)
    problem = memory.problem(flags)
    if problem is None and script.process("oom_load"):
        problem = memory.out_of_memory(memory.need(flags), memory_gb=0.0)
    if problem is not None:
        for line in problem:
            log(line)
        log("E failed to load model")
        return False
    if script.process("crash_load"):
        die("F assertion failed: buffer != nullptr")
    if script.process("never_ready"):
        log("I warming up")
        await asyncio.sleep(86_400)
    wanted = memory.need(flags)
    log(f"I model loaded, {wanted.total / memory.GB:.2f} GB used")
    engine.ready = True
    log("I ready")
    return True


if __name__ == "__main__":
    sys.exit(main())
