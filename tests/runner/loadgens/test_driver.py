"""What the driver does with the rows of any load generator, whatever program it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runner.domain.trial import Endpoint
from runner.loadgens import Can, LoadGenerator
from runner.loadgens._driver import Child
from runner.loadgens.native import NativeClient
from runner.util.redact import HIDDEN, hide
from tests.runner.loadgens.driving import closed, job

CANARY = "blue-giraffe-75"
ROW = {
    "position": 0, "number": 0, "kind": "measure", "intended": 0.0, "sent": 0.0, "first": None, "last": None,
    "ended": 0.1, "asked_prompt": 4, "prompt_tokens": None, "asked_output": 2, "output_tokens": 0,
    "tokens_from": "none", "finish": None, "status": 401, "error": "http",
}  # fmt: skip
WRITES = """
import json, sys
with open(sys.argv[1], "w") as rows:
    rows.write(json.dumps(json.loads(sys.argv[2])) + "\\n" + '{"position": 1, "mess')
print('{"event": "written"}', flush=True)
sys.stdin.readline()
"""


class Leaky(NativeClient):
    """A load generator that writes a row with a secret in it, and half of another row."""

    name = "leaky"
    can: frozenset[Can] = frozenset()

    def version(self) -> str:
        return "1"

    def command(self, job: Path, rows: Path) -> list[str]:
        row = ROW | {"message": f"no such key: {CANARY}", "finish": f"cut at {CANARY[:9]}"}
        return [sys.executable, "-c", WRITES, str(rows), json.dumps(row)]


def test_rows_leave_the_driver_without_secrets(tmp_path: Path) -> None:
    hide(CANARY)
    member: LoadGenerator = Leaky()
    ordered = job(Endpoint("http://127.0.0.1:9", "m"), closed(1))
    with Child(member, ordered, tmp_path, tmp_path / "client.log", "leaky") as child:
        assert child.event(30.0) == {"event": "written"}
        assert CANARY in child.rows_path.read_text()
        [row] = child.rows()
        assert (row.message, row.finish) == (f"no such key: {HIDDEN}", f"cut at {HIDDEN}")
    [line] = child.rows_path.read_text().splitlines()
    assert json.loads(line) == {**ROW, "message": row.message, "finish": row.finish}
    assert [path.name for path in tmp_path.glob("*.part")] == []


LEVELS = """
import json, sys
rows = open(sys.argv[1], "a")
for order in sys.stdin:
    if order.strip() == "stop":
        break
    for kind in ("warmup", "measure", "measure"):
        print(json.dumps(json.loads(sys.argv[2]) | {"kind": kind}), file=rows, flush=True)
    print('{"event": "written"}', flush=True)
"""


class Plain(NativeClient):
    """A load generator of three rows a level."""

    name = "plain"
    can: frozenset[Can] = frozenset()

    def version(self) -> str:
        return "1"

    def command(self, job: Path, rows: Path) -> list[str]:
        return [sys.executable, "-c", LEVELS, str(rows), json.dumps(ROW)]


def test_rows_of_a_level_that_was_measured_again_are_kept_and_say_so(tmp_path: Path) -> None:
    member: LoadGenerator = Plain()
    ordered = job(Endpoint("http://127.0.0.1:9", "m"), closed(1, 2))
    with Child(member, ordered, tmp_path, tmp_path / "client.log", "plain") as child:
        for order in ("next", "again", "next"):
            assert child.again() if order == "again" else child.order(order)
            assert child.event(30.0) == {"event": "written"}
            assert [row.kind for row in child.rows()] == ["warmup", "measure", "measure"]
    kinds = [json.loads(line)["kind"] for line in child.rows_path.read_text().splitlines()]
    assert kinds == ["warmup", "contended", "contended", *["warmup", "measure", "measure"] * 2]
