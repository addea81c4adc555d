"""Campaign files as nobody would write them: good ones with some part of them deleted, renamed, swapped or blown up.

Two layers: `trees` changes what a file says (keys, values, nesting), `files` changes the bytes it is written in. Every
draw goes through hypothesis, so that what it finds comes out small.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from hypothesis import strategies as st

from runner.campaign.document import read
from runner.cli.new import template
from runner.runtimes import runtimes

ROOT = Path(__file__).parents[2]
Spot: TypeAlias = tuple[Any, Any]
"""A mapping or list, and the key or index in it."""


def written(*folders: str) -> list[str]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).glob("*.yaml"))]
    return [path.read_text(encoding="utf-8") for path in paths]


GOOD = written("campaigns", "tests/runner/campaign")
GOOD += [template("fresh", name, Path("fresh.yaml")) for name in runtimes.names()]
"""The campaigns of the repository, and what `tunebook new` writes for each engine."""

FILES = st.one_of(
    st.sampled_from(GOOD), st.sampled_from(GOOD), st.sampled_from(written("tests/golden/campaign-errors"))
)
"""Two of three are good, so that a single change often meets the checks that need a whole campaign."""

VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**53 + 1, -(2**63), 10**18, 10**30, 1e-320, 5e-324, 1e308, -1e308,
     float("inf"), float("-inf"), float("nan"), 0.1, -0.0, "", " ", "on", "off", "null", "~", "1", "1.5", "1e400",
     "2026-11-22", "12:30", "0x1F", "0o17", "1_000", "-", "--flag", "env.X", "env.", "a b", "a\tb", "a\nb", "\x00",
     "\x85", "\u202e", "\ufeff", "\ud800", "😀", "{", "}", "{x}", "{{x}}", "%", "*a", "&a", "!tag", "|", ">",
     "=", "<<", "9" * 400 + "s", "9" * 400, "0." + "0" * 400 + "1s", "1s" * 500, "5m", "7d", "-5s", "500ms", "5",
     "D(64,32)", "D(0,0)", "N(1,1)/(1,1)", "U(9999999,9999999)", "U(5,1)/(1,1)", "goodput", "worst", "mean", "c=1",
     "c=4", "r=1", "c=" + "9" * 400, "ttft_p99", "output_throughput", "output_throughput_per_gpu", "maximize",
     "tpe", "grid", "native", "local", "attach", "docker", "simulated", "llama_cpp", "command",
     "vllm", "http://127.0.0.1:8000", "http://[::1", "http://a:99999999/", "http://u:p@h/", "../../etc/passwd",
     "gpus > 0", "1 / 0 > 1", "(" * 60, "not " * 60 + "true", "a < ", "threads * 1e308 * 1e308 > 1",
     "x" * 2000, [], {}, [[]], [{}], {"": None}, {"a": {"b": {}}}, [None], [1, 1.0, True, "1"], [1e308, -1e308],
     {"int": [1, 2**53]}, {"int": [-(2**53), 2**53]}, {"int": [1, 9], "log": True}, {"int": [0, 9], "log": True},
     {"int": [5, 1]}, {"int": [1]}, {"int": [1, 5], "step": 10**9}, {"float": [1e-320, 1e308], "log": True},
     {"float": [-1e308, 1e308]}, {"float": [0.1, 0.1]}, {"float": [1e-9, 1.0], "log": True}, {"float": [0, 1]},
     {"flag": True}, {"flag": []}, {"choice": [0, -0.0]}, {"choice": [1], "when": "gpus == 0"},
     {"choice": [1, 2], "when": "1 / gpus > 0"}, {"int": [1, 9], "when": "threads > 1"}, {"max": "2s", "min": "1s"},
]  # fmt: skip

ODD: st.SearchStrategy[Any] = st.one_of(*[st.sampled_from(VALUES)] * 5, st.text(max_size=8), st.integers(), st.floats())

KEYS = st.sampled_from(
    ["tunebook", "name", "model", "id", "path", "package", "file", "sha256", "hardware", "gpus", "gpu", "deploy",
     "kind", "url", "runtimes", "runtime", "flags", "env", "space", "where", "when", "int", "float", "choice", "flag",
     "log", "step", "python", "command", "health", "signatures", "workload", "client", "scenarios", "load",
     "concurrency", "rate", "each_level", "duration", "requests", "warmup", "objective", "metric", "goal", "at", "slo",
     "max", "min", "hard", "weight", "steepness", "search", "sampler", "trials", "seed", "baseline", "warm_start",
     "confirm", "top", "repeats", "budget", "wall", "gpu_hours", "failures", "timeouts", "every", "<<", "", "on", "1",
     "threads", "threds", "trails", "__class__", "model_fields", "a.b", "a-b", "\x00"]
)  # fmt: skip


def spots(tree: Any) -> list[Spot]:
    """Every place of a tree that a change can go to."""
    found: list[Spot] = []
    rest = [tree]
    while rest:
        node = rest.pop()
        items = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        for key, value in items:
            found.append((node, key))
            if isinstance(value, dict | list):
                rest.append(value)
    return found


def _replace(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    spot[0][spot[1]] = copy.deepcopy(draw(ODD))


def _delete(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    del spot[0][spot[1]]


def _rename(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    if isinstance(spot[0], dict):
        spot[0][draw(KEYS)] = spot[0].pop(spot[1])


def _add(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    if isinstance(spot[0], dict):
        spot[0][draw(KEYS)] = copy.deepcopy(draw(ODD))
    else:
        spot[0].append(copy.deepcopy(draw(ODD)))


def _move(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    """What stands elsewhere, here: a section where a number belongs, an entry inside an entry."""
    other = draw(st.sampled_from(spots(tree)))
    spot[0][spot[1]] = copy.deepcopy(other[0][other[1]])


def _wrap(draw: st.DrawFn, spot: Spot, tree: Any) -> None:
    depth = draw(st.sampled_from([1, 2, 30, 60]))
    for _ in range(depth):
        spot[0][spot[1]] = [spot[0][spot[1]]] if draw(st.booleans()) else {"a": spot[0][spot[1]]}


CHANGES: list[Callable[[st.DrawFn, Spot, Any], None]] = [_replace, _replace, _delete, _rename, _add, _move, _wrap]


@st.composite
def trees(draw: st.DrawFn) -> str:
    """A file with one to four changes of what it says, written out again."""
    tree = read(draw(FILES), "good.yaml").data
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        known = spots(tree) if isinstance(tree, dict) else []
        if known:
            draw(st.sampled_from(CHANGES))(draw, draw(st.sampled_from(known)), tree)
    flow = draw(st.sampled_from([None, True, False]))
    return str(yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False, allow_unicode=draw(st.booleans())))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LINES = st.sampled_from(
    ["---", "...", "%YAML 1.1", "%TAG ! tag:x,2000:", "<<: *a", "<<: {name: b}", "base: &base {name: b}", "a: &a [*a]",
     "a: *nobody", "\tname: tab", "  \tname: tab", "name: again", "? {a: b}\n: c", "? [a]", "? |\n  name\n: x", "- x",
     "name: !!python/object/apply:os.system [echo]", "name: !!python/name:os.system", "name: !!binary aGk=",
     "when: !!timestamp 2026-11-22", "x: !!float 1", "x: !!int many", "x: !!set {a, b}", "x: !local y", "x: !!null ''",
     "name: \"\\ud800\"", "name: \"\\x00\"", "name: \"\\u0085\"", "name: \"unclosed", "name: 'unclosed", "x: [1, 2",
     "x: {a: 1", "x: ]", "x: }", "a: b: c", "@x: 1", "`x`: 1", "x: @y", "x: |\n text\n  more\n", "x: >9\n a", ": : :",
     "?", "-", ":", "- - - - -", "#" * 300, "x" * 70_000, "x: " + "[" * 500, "x: " + "{a: " * 500, "[" * 2000,
     BOMB, BOMB + "name: *i"]
)  # fmt: skip
BYTES = st.sampled_from(
    [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\t", b"\r", b"\r\n", b"\x0b", b"\x1b[31m",
     b"\x7f", b"\xe2\x80\xa8", b"\xc2\x85", b":", b"- ", b"#", b"'", b'"', b"{", b"]", b"&a ", b"*a", b"!", b"|", b"%"]
)  # fmt: skip


def _insert_line(draw: st.DrawFn, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    place = draw(st.integers(0, len(lines)))
    indent = b" " * draw(st.sampled_from([0, 0, 2, 4, 3]))
    return b"\n".join([*lines[:place], indent + draw(LINES).encode(), *lines[place:]])


def _insert_bytes(draw: st.DrawFn, raw: bytes) -> bytes:
    place = draw(st.integers(0, len(raw)))
    return raw[:place] + draw(BYTES) + raw[place:]


def _cut(draw: st.DrawFn, raw: bytes) -> bytes:
    start = draw(st.integers(0, len(raw)))
    return raw[:start] + raw[start + draw(st.integers(0, 200)) :]


def _repeat_line(draw: st.DrawFn, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    place = draw(st.integers(0, len(lines) - 1))
    return b"\n".join([*lines[:place], lines[place], *lines[place:]])


def _indent(draw: st.DrawFn, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    place = draw(st.integers(0, len(lines) - 1))
    lines[place] = draw(st.sampled_from([b" ", b"\t", b"    "])) + lines[place]
    return b"\n".join(lines)


def _recode(draw: st.DrawFn, raw: bytes) -> bytes:
    """Saved by another editor, or on another system."""
    way = draw(st.sampled_from(["crlf", "cr", "bom", "utf-16", "latin", "tabs", "long", "huge"]))
    text = raw.decode("utf-8", errors="replace")
    return {
        "crlf": lambda: raw.replace(b"\n", b"\r\n"),
        "cr": lambda: raw.replace(b"\n", b"\r"),
        "bom": lambda: b"\xef\xbb\xbf" + raw,
        "utf-16": lambda: text.encode("utf-16"),
        "latin": lambda: f"# caf\xe9\n{text}".encode("latin-1", errors="replace"),
        "tabs": lambda: raw.replace(b"  ", b"\t"),
        "long": lambda: raw + b"description: " + b"x " * 450_000,
        "huge": lambda: raw + b"#" * 1_100_000,
    }[way]()


WAYS: list[Callable[[st.DrawFn, bytes], bytes]] = [
    _insert_line, _insert_line, _insert_bytes, _insert_bytes, _cut, _repeat_line, _indent, _recode,
]  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """The bytes of a file: what it says changed, or how it is written, or both."""
    count = draw(st.sampled_from([0, 0, 0, 1, 2]))
    text = draw(trees() if count == 0 else st.one_of(trees(), FILES))
    raw = text.encode("utf-8", errors="surrogatepass")
    for _ in range(count):
        raw = draw(st.sampled_from(WAYS))(draw, raw)
    return raw
