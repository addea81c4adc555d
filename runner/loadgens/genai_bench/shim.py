"""Runs genai-bench 0.0.5 as the load generator it is, in its own interpreter: `python -I shim.py ARGUMENTS`.

Never imported by tunebook, imports nothing of it, and runs on every Python that genai-bench runs on. genai-bench makes
the users, sends the requests, reads the streams and takes the times. What is replaced, each name of it checked first:

* what is sent: `OpenAIUser.sample` takes prompts and lengths from our side, so that they are seeded, exact and the same
  for every client; the tokenizer is not loaded, no prompt is made here;
* when a level begins and ends: `get_run_params` waits for an order, `manage_run_time` until the last answer is in;
* how long a request may take: `requests.post` gets socket timeouts, `OpenAIUser.send_request` a deadline;
* what is kept: `OpenAIUser.collect_metrics` writes a row for each request, a listener one for each that genai-bench
  loses; no file of its levels, no workbook, no plot, a short log.

Orders come as lines of JSON on stdin, events go as lines of JSON to what was stdout. The end of stdin ends it.
"""

from __future__ import annotations

import collections
import ctypes
import importlib
import importlib.util
import json
import logging
import os
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any

CONNECT = 5.0  # seconds
EVERY = 0.4  # seconds between two signs of life
MESSAGE = 300


def names() -> Any:
    """The file beside this one: nothing else of this folder may be imported by genai-bench."""
    spec = importlib.util.spec_from_file_location("shim_names", Path(__file__).with_name("shim_names.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: without its owner it sends nothing
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what genai-bench prints is no event
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 0
        line += byte
    os.environ["ENABLE_UI"] = "false"
    os.environ["GENAI_BENCH_LOGGING_LEVEL"] = "WARNING"  # below it, it writes every option and its value
    own = names()
    try:
        modules = own.load()
    except own.Unfit as error:
        events.write(json.dumps({"event": "unfit", "message": str(error)}) + "\n")
        return 1
    Shim(modules, own, json.loads(line), events).run()
    return 0


class Ask:
    """One request: what is to be sent, and what was seen of it."""

    __slots__ = (
        "broke", "chunks", "done", "greenlet", "kind", "last", "number", "opening", "output", "prompt", "sent", "status"
    )  # fmt: skip

    def __init__(self, order: dict[str, Any], kind: str, greenlet: Any) -> None:
        self.number, self.prompt, self.output = order["number"], order["prompt"], order["output"]
        self.kind, self.greenlet = kind, greenlet
        self.opening = b""
        self.sent = 0.0
        self.status: int | None = None
        self.chunks = 0
        self.last: collections.deque[bytes] = collections.deque(maxlen=4)
        self.broke: str | None = None
        self.done = False


class Shim:
    """All of it: one object, one process, one gevent loop."""

    def __init__(self, modules: dict[str, Any], own: Any, setup: dict[str, Any], events: Any) -> None:
        self.modules, self.own, self.setup, self.events = modules, own, setup, events
        self.gevent = importlib.import_module("gevent")
        self.hub = importlib.import_module("gevent.os")
        self.queues = importlib.import_module("gevent.queue")
        signals = importlib.import_module("gevent.event")
        self.orders = self.queues.Queue()
        self.asks = self.queues.Queue()
        self.open, self.over, self.never = signals.Event(), signals.Event(), signals.Event()
        self.asking: dict[Any, Ask] = {}  # greenlet -> its request
        self.environment: Any = None
        self.collector: Any = None
        self.kind, self.level, self.users = "measure", 0, 1
        self.arrived = self.tokens = self.left = self.levels = 0
        self.closed = False
        self.spent = 0.0
        self.metadata: tuple[Any, ...] = ()

    def say(self, event: str, **data: Any) -> None:
        self.events.write(json.dumps({"event": event, **data}) + "\n")

    def run(self) -> None:
        self.replace()
        self.gevent.spawn(self.read)
        self.gevent.spawn(self.live)
        sys.argv = ["genai-bench", *sys.argv[1:]]
        self.modules["genai_bench.cli.cli"].cli(standalone_mode=False)

    # --- what comes in, what goes out ---

    def read(self) -> None:
        """Orders, until the other side is gone."""
        self.hub.make_nonblocking(0)
        rest = b""
        while data := self.hub.nb_read(0, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.hear(json.loads(line))
        os._exit(0)

    def hear(self, order: dict[str, Any]) -> None:
        do = order["do"]
        if do == "ask":
            self.left += 1
            self.asks.put(order)
        elif do in ("last", "close"):
            while do == "close" and not self.asks.empty():  # what is queued is not sent
                self.left -= self.asks.get_nowait() is not None
            self.closed = True
            self.asks.put(None)
            self.look()
        elif do == "give_up":
            for ask in list(self.asking.values()):
                self.row(ask, error="given up", code=-3)
            self.over.set()
        else:
            if do != "end":
                self.begin(order)
            self.orders.put(order)

    def begin(self, order: dict[str, Any]) -> None:
        """A warm-up or a level is ordered: what was of the one before it is gone."""
        self.kind = "warmup" if order["do"] == "warmup" else "measure"
        self.level, self.users = order["position"], order["users"]
        self.asks = self.queues.Queue()
        self.open.clear()
        self.over.clear()
        self.arrived, self.left, self.closed = 0, 0, False
        self.asking.clear()

    def live(self) -> None:
        told = -1
        while True:
            self.gevent.sleep(EVERY)
            if self.tokens != told:
                told = self.tokens
                self.say("alive", tokens=told)

    def row(self, ask: Ask, response: Any = None, error: str = "", code: int = 0) -> None:
        """What became of a request; of each exactly once."""
        if ask.done:
            return
        ask.done = True
        self.asking.pop(ask.greenlet, None)
        self.left -= 1
        self.say(
            "row", number=ask.number, kind=ask.kind, sent=ask.sent or None, status=ask.status, broke=ask.broke,
            chunks=ask.chunks, opening=ask.opening.decode(errors="replace"),
            last=[line.decode(errors="replace") for line in ask.last],
            code=code if response is None else response.status_code,
            first=getattr(response, "time_at_first_token", None), end=getattr(response, "end_time", None),
            now=time.monotonic(), tokens=getattr(response, "tokens_received", None),
            prompt=getattr(response, "num_prefill_tokens", None),
            error=error or str(getattr(response, "error_message", None) or "")[:MESSAGE],
        )  # fmt: skip
        self.look()

    def look(self) -> None:
        """Whether the phase is over: no more to send, and nothing on its way."""
        if self.closed and self.left <= 0:
            self.over.set()

    # --- what genai-bench calls instead of its own ---

    def replace(self) -> None:
        cli, user = self.modules["genai_bench.cli.cli"], self.modules["genai_bench.user.openai_user"]
        metrics = self.modules["genai_bench.metrics.aggregated_metrics_collector"].AggregatedMetricsCollector
        logs = self.modules["genai_bench.logging"].LoggingManager
        cli.validate_tokenizer = lambda _name: self.own.Words()
        cli.Environment = self.remembered(cli.Environment)
        cli.get_run_params = self.asked_for
        cli.manage_run_time = self.level_runs
        cli.create_workbook = cli.plot_experiment_data_flexible = lambda *a, **k: None
        cli.load_one_experiment = lambda *a, **k: (None, None)
        cli.plot_single_scenario_inference_speed_vs_throughput = self.scenario_ended
        self.own_send, self.own_collect = user.OpenAIUser.send_request, user.OpenAIUser.collect_metrics
        user.OpenAIUser.sample = lambda one: self.sample(one)
        user.OpenAIUser.send_request = lambda one, *a, **k: self.send(one, *a, **k)
        user.OpenAIUser.collect_metrics = lambda one, *a, **k: self.collect(one, *a, **k)
        self.own_post = user.requests.post
        user.requests = types.SimpleNamespace(exceptions=user.requests.exceptions, post=self.post)
        self.own_aggregate, self.own_metadata = metrics.aggregate_metrics_data, metrics.set_run_metadata
        metrics.aggregate_metrics_data = lambda one, *a, **k: self.aggregate(one, *a, **k)
        metrics.set_run_metadata = lambda one, *a, **k: self.noted(one, *a, **k)
        metrics.save = lambda *a, **k: None
        logs.get_file_handler = lambda *a, **k: logging.NullHandler()
        logs.get_console_handler = staticmethod(self.own.ShortLog)

    def remembered(self, own: Any) -> Any:
        def environment(*arguments: Any, **more: Any) -> Any:
            self.environment = own(*arguments, **more)
            self.environment.events.user_error.add_listener(self.lost)
            return self.environment

        return environment

    def asked_for(self, _kind: str, _value: int) -> tuple[str, int, int]:
        """Before each level of its own loop: wait until it is wanted. The warm-up of a level and one that is measured
        once more happen in here."""
        if not self.levels:
            self.say("ready")
        self.levels += 1
        while (order := self.orders.get())["do"] != "level":
            self.between(order)
        return "Concurrency", 1, self.users

    def scenario_ended(self, *_arguments: Any, **_more: Any) -> None:
        """After the last level of each scenario. After the very last one, that may be wanted once more."""
        if self.levels == self.setup["levels"]:
            while (order := self.orders.get())["do"] != "end":
                self.between(order)

    def between(self, order: dict[str, Any]) -> None:
        if order["do"] == "warmup":
            self.warm_up()
        elif order["do"] == "again":
            self.once_more()

    def warm_up(self) -> None:
        """With users of its own class that its runner does not count."""
        group = importlib.import_module("gevent.pool").Group()
        for _ in range(self.users):
            self.environment.user_classes[0](self.environment).start(group)
        self.through()
        group.kill()
        self.say("ended", cpu=self.spent, reported=None)

    def once_more(self) -> None:
        """The body of its own loop, for the level that it has just left."""
        self.own_metadata(self.collector, *self.metadata)
        began = time.monotonic()
        self.environment.runner.start(self.users, spawn_rate=self.users)
        self.level_runs()
        self.environment.runner.stop()
        self.aggregate(self.collector, began, time.monotonic(), None, None)
        self.collector.clear()

    def level_runs(self, **_limits: Any) -> int:
        began = time.monotonic()
        self.through()
        return max(1, int(time.monotonic() - began))

    def through(self) -> None:
        """From the start of all users at once, when all are there, to the last answer."""
        while self.arrived < self.users:
            self.gevent.sleep(0.01)
        cpu = time.process_time()
        self.say("began", at=time.monotonic())
        self.open.set()
        self.over.wait()
        self.spent = time.process_time() - cpu

    def noted(self, collector: Any, *arguments: Any, **more: Any) -> None:
        self.collector, self.metadata = collector, arguments
        self.own_metadata(collector, *arguments, **more)

    def aggregate(self, collector: Any, *arguments: Any) -> None:
        """Its own numbers, as it has them. It refuses a level of errors alone, and would end here."""
        try:
            self.own_aggregate(collector, *arguments)
            reported = collector.aggregated_metrics.model_dump()
        except ValueError as error:
            reported = {"refused": str(error)[:MESSAGE]}
        self.say("ended", cpu=self.spent, reported=reported)

    # --- a request ---

    def sample(self, _user: Any) -> Any:
        """The next request of a user. Blocks for ever when there is none: the runner ends such a user."""
        if not self.open.is_set():
            self.arrived += 1
            self.open.wait()
        order = self.asks.get()
        if order is None:
            self.asks.put(None)
            self.never.wait()
        ask = Ask(order, self.kind, self.gevent.getcurrent())
        self.asking[ask.greenlet] = ask
        requests = self.modules["genai_bench.protocol"]
        if self.setup["task"] == "embeddings":
            return requests.UserEmbeddingRequest(
                model=self.setup["model"], documents=[ask.prompt], num_prefill_tokens=0, additional_request_params={}
            )
        return requests.UserChatRequest(
            model=self.setup["model"],
            prompt=ask.prompt,
            num_prefill_tokens=0,
            max_tokens=ask.output,
            additional_request_params=self.setup["parameters"],
        )

    def send(self, user: Any, stream: bool, endpoint: str, *arguments: Any, **more: Any) -> Any:
        limit = self.setup["request_timeout"]
        deadline = self.gevent.Timeout(limit)
        try:
            with deadline:
                return self.own_send(user, stream, endpoint, *arguments, **more)
        except self.gevent.Timeout as late:
            if late is not deadline:
                raise
            response = self.modules["genai_bench.protocol"].UserResponse
            said = response(status_code=408, error_message=f"no end after {limit:g} s")
            user.collect_metrics(said, endpoint)
            return said

    def post(self, url: str, headers: dict[str, str], stream: bool, **more: Any) -> Any:
        ask = self.asking[self.gevent.getcurrent()]
        headers = {**headers, "X-Request-Id": f"l{self.level}-{ask.kind[0]}-{ask.number}"}
        headers.pop("Authorization", None)
        if self.setup["api_key"]:
            headers["Authorization"] = f"Bearer {self.setup['api_key']}"
        ask.sent = time.monotonic()
        limits = (CONNECT, self.setup["request_timeout"])
        response = self.own_post(url, headers=headers, stream=stream, timeout=limits, **more)
        ask.status = response.status_code
        if ask.status == 200 and stream:
            lines = response.iter_lines
            response.iter_lines = lambda *a, **k: self.watched(ask, lines(*a, **k))
        return response

    def watched(self, ask: Ask, lines: Any) -> Any:
        """The lines of a stream, as they come. The last ones tell how it ended, which genai-bench does not say."""
        try:
            for line in lines:
                if line:
                    ask.opening = ask.opening or line
                    ask.last.append(line)
                    ask.chunks += 1
                    self.tokens += 1
                yield line
        except Exception as error:
            ask.broke = type(error).__name__
            raise

    def collect(self, user: Any, response: Any, endpoint: str) -> None:
        ask = self.asking.get(self.gevent.getcurrent())
        if ask is None or ask.done:
            return
        self.row(ask, response)
        if ask.kind == "measure":
            self.own_collect(user, response, endpoint)

    def lost(self, user_instance: Any, exception: BaseException, tb: Any = None, **_more: Any) -> None:
        """genai-bench could not read an answer, and counts it nowhere."""
        ask = self.asking.get(self.gevent.getcurrent())
        if ask is not None:
            self.row(ask, error=f"{type(exception).__name__}: {exception}"[:MESSAGE], code=-2)


if __name__ == "__main__":
    sys.exit(main())
