"""The simulated engine as a process: loads, answers, refuses, dies, each in the way that its faults say."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from runner.simulated.server import main
from runner.simulated.surface import TEMPLATE_TOKENS
from runner.util import net
from tests.runner.simulated.world import PATIENCE, World, serving, started


def ask(world: World, body: dict[str, Any], path: str = "/v1/chat/completions") -> tuple[int, bytes]:
    return net.post_json(world.endpoint.base_url + path, body, PATIENCE)


def chat(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "one two three"}], "max_tokens": 6, "ignore_eos": True} | more


def test_whole_and_streamed_answers_say_the_same(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        status, whole = ask(world, chat())
        _, stream = ask(world, chat(stream=True, stream_options={"include_usage": True}))
        seen = world.seen()
    assert status == 200
    usage = {"prompt_tokens": 3 + TEMPLATE_TOKENS, "completion_tokens": 6, "total_tokens": 9 + TEMPLATE_TOKENS}
    assert json.loads(whole)["usage"] == usage
    lines = [line[6:] for line in stream.decode().split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert chunks[-1]["usage"] == usage
    assert sum(bool(c["choices"][0]["delta"].get("content")) for c in chunks if c["choices"]) == 6
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "length"
    assert [s["sent_tokens"] for s in seen] == [6, 6]
    assert all(s["received"] <= s["first"] <= s["last"] <= s["end"] for s in seen)


def test_left_alone_the_model_ends_by_itself(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        lengths = []
        for n in range(6):
            body = {"prompt": f"tell me {n}", "max_tokens": 20}
            answer = json.loads(ask(world, body, "/v1/completions")[1])
            assert answer["choices"][0]["finish_reason"] == "stop"
            lengths.append(answer["usage"]["completion_tokens"])
    assert all(10 <= length <= 20 for length in lengths)
    assert len(set(lengths)) > 1


def test_counters_count_and_the_other_doors_answer(tmp_path: Path) -> None:
    with serving(tmp_path, "--ctx-size", "512") as world:
        ask(world, chat())
        metrics = net.get(world.endpoint.base_url + "/metrics", 5.0)[1].decode()
        version, models = world.get("/version"), world.get("/v1/models")
    assert "simulated:generation_tokens_total 6" in metrics
    assert "simulated:requests_running 0" in metrics
    assert version["settings"]["ctx_size"] == 512
    assert models["data"][0]["id"] == "simulated"


def test_a_request_that_does_not_fit_is_refused_and_the_engine_stays_up(tmp_path: Path) -> None:
    with serving(tmp_path, "--ctx-size", "16") as world:
        status, body = ask(world, chat(max_tokens=20))
        assert status == 400
        assert json.loads(body)["error"]["type"] == "exceed_context_size_error"
        assert ask(world, chat(max_tokens=2))[0] == 200
        assert ask(world, {"messages": 3})[0] == 400


@pytest.mark.parametrize(
    ("flags", "code", "line"),
    [
        (["--max-num-seqs", "200"], 1, "E out of memory"),
        (["--fault", "oom_load"], 1, "E failed to allocate buffer"),
        (["--cache-dtype", "q4", "--block-size", "8"], 1, "E unsupported: cache-dtype q4"),
        (["--no-such-flag", "1"], 2, "unrecognized arguments: --no-such-flag"),
        (["--fault", "bad_flag"], 2, "unrecognized arguments"),
        (["--threads", "0"], 2, "0 is not positive"),
        (["--fault", "hangs"], 2, "is no fault"),
    ],
)
def test_what_can_not_start_says_why_and_exits(tmp_path: Path, flags: list[str], code: int, line: str) -> None:
    with started(tmp_path, *flags) as world:
        end = world.owned.wait(PATIENCE)
        assert end is not None
        assert end.code == code
        assert line in world.text()


def test_crash_while_loading_is_a_signal(tmp_path: Path) -> None:
    with started(tmp_path, "--fault", "crash_load") as world:
        end = world.owned.wait(PATIENCE)
        assert end is not None
        assert end.signal == "SIGABRT"


def test_two_engines_on_one_port(tmp_path: Path) -> None:
    with serving(tmp_path) as first, started(tmp_path, "--port", str(first.port)) as second:
        end = second.owned.wait(PATIENCE)
        assert end is not None
        assert end.code == 1
        assert "couldn't bind HTTP server socket" in second.text()
        assert first.health() == 200


def test_loading_answers_503_and_never_ready_stays_there(tmp_path: Path) -> None:
    with started(tmp_path, "--fault", "never_ready") as world:
        deadline = time.monotonic() + PATIENCE
        while "I warming up" not in world.text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert world.health() == 503
        assert world.poll() is None


def test_sigterm_ends_it_in_order_unless_it_ignores_it(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        os.kill(world.owned.pid, signal.SIGTERM)
        end = world.owned.wait(PATIENCE)
        assert end is not None
        assert end.code == 0
    with serving(tmp_path, "--fault", "ignore_sigterm") as world:
        os.kill(world.owned.pid, signal.SIGTERM)
        assert ask(world, chat())[0] == 200


def test_children_outlive_it_and_one_has_left_the_session(tmp_path: Path) -> None:
    with serving(tmp_path, "--fault", "leave_children") as world:
        children = psutil.Process(world.owned.pid).children()
        assert len(children) == 2
        sessions = {os.getsid(child.pid) for child in children}
        assert len(sessions) == 2
        try:
            os.kill(world.owned.pid, signal.SIGKILL)
            world.owned.wait(PATIENCE)
            assert all(child.is_running() for child in children)
        finally:
            world.stop(0.0)
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.wait(PATIENCE)
    assert not any(child.is_running() for child in children)


def test_more_requests_than_slots_wait_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-num-seqs", "1") as world, ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: ask(world, chat()), range(3)))
        seen = sorted(world.seen(), key=lambda s: s["received"])
    assert all(before["end"] <= after["first"] for before, after in itertools.pairwise(seen))
    assert [s["number"] for s in sorted(seen, key=lambda s: s["admitted"])] == [0, 1, 2]


def test_help_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "silent_truncate" in capsys.readouterr().out
