"""The invariants of the design as functions: (path, syntax tree) -> what breaks the invariant there.

`test_invariants` runs each over the product, and over a few lines that break it, so that a rule which no longer sees
anything is noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
Rule: TypeAlias = Callable[[str, ast.Module], list[str]]

QUIET = ("runner/domain/", "runner/scoring/", "runner/stats/", "runner/space/", "runner/render/")
IO_MODULES = {
    "os", "time", "random", "secrets", "socket", "subprocess", "pathlib", "urllib", "shutil", "tempfile", "duckdb",
    "logging", "io", "threading", "asyncio",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter", "utc_now"}


@cache
def sources(*folders: str) -> tuple[tuple[str, ast.Module], ...]:
    """Every Python file of the product (or of some of its folders), parsed."""
    paths = [path for folder in folders or ("runner", "report") for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple((path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything that is imported, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def top(tree: ast.AST) -> set[str]:
    return {name.partition(".")[0] for name in imported(tree)}


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """`name` and `object.name` of every call, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def texts(tree: ast.AST) -> Iterator[str]:
    """Every text that is no docstring."""
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def quiet(path: str, tree: ast.Module) -> list[str]:
    """4: these packages do no I/O and read no clock."""
    if not path.startswith(QUIET):
        return []
    modules = top(tree) & IO_MODULES
    if path.startswith("runner/space/"):
        modules -= {"random"}  # a seeded random.Random is handed in, the module's own state is never used
    calls = {name for name, _ in called(tree) if name in ("open", "print", "input")}
    clocks = {name for name, _ in called(tree) if "." in name and name.rpartition(".")[2] in CLOCKS}
    return sorted(modules | calls | clocks)


SQL_CHANGES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|DROP|ALTER|TRUNCATE|MERGE|CREATE(?! .*\bTEMP\b)) ")
INSERTS = (
    "runner/store/ingest.py", "runner/store/_merged.py", "runner/store/_rows.py", "runner/store/schema.py",
    "runner/store/rebuild.py",
)  # fmt: skip


def sql(path: str, tree: ast.Module) -> list[str]:
    """5: SQL stands in the store and in report/queries; only ingest inserts."""
    if path.startswith("runner/store/"):
        return [
            text.strip()[:60]
            for text in texts(tree)
            if re.match(r"\s*(INSERT|MERGE)\b.*\bstore\.", text, re.IGNORECASE | re.DOTALL) and path not in INSERTS
        ]
    if path == "report/exports.py":  # it writes a new database for downloads, and never touches the store
        return [text[:60] for text in texts(tree) if "store." in text and SQL_CHANGES.match(text)]
    start = re.compile(r"^\s*(SELECT\b.*\bFROM\b|WITH \w+ AS \()", re.IGNORECASE | re.DOTALL)
    return [text.strip()[:60] for text in texts(tree) if SQL_CHANGES.match(text) or start.match(text)]


def no_change(path: str, tree: ast.Module) -> list[str]:
    """5: nobody updates or deletes what is in the store."""
    changes = re.compile(r"\b(UPDATE|DELETE FROM|TRUNCATE)\s+store\.", re.IGNORECASE)
    return [text.strip()[:60] for text in texts(tree) if changes.search(text)]


def results(path: str, tree: ast.Module) -> list[str]:
    """6: only store.record makes what lies in results/records."""
    if path == "runner/store/record.py":
        return []
    made = [text for text in texts(tree) if text == "MANIFEST.sha256"]
    writes = ("write_text", "write_bytes", "mkdir", "touch", "unlink", "rename", "open")
    return made + [
        name
        for name, node in called(tree)
        if name.rpartition(".")[2] in writes and "records_folder(" in ast.unparse(node)
    ]


ENGINE_SIDE = ("runner/simulated/", "runner/runtimes/llama_cpp/launcher")
"""These run inside the engine's own process, not in ours."""


def starts(path: str, tree: ast.Module) -> list[str]:
    """7: only util.process starts processes."""
    if path == "runner/util/process.py" or path.startswith(ENGINE_SIDE):
        return []
    modules = top(tree) & {"subprocess", "multiprocessing", "pty"}
    calls = {
        name
        for name, _ in called(tree)
        if re.fullmatch(r"os\.(system|popen|fork|forkpty|spawn\w+|exec\w+|posix_spawn\w*)", name)
    }
    return sorted(modules | calls)


def ends(path: str, tree: ast.Module) -> list[str]:
    """8: nothing is ended by name or by port; what ends something stands in one file."""
    if path == "runner/util/process.py" or path.startswith(ENGINE_SIDE):
        return []
    calls = {name for name, _ in called(tree) if re.search(r"\b(os\.kill|killpg|pidfd_send_signal)$", name)}
    words = {text for text in texts(tree) if re.search(r"\b(pkill|killall|fuser -k)\b", text)}
    return sorted(calls | words)


def one_table(path: str, tree: ast.Module) -> list[str]:
    """9: an engine knows nothing of its place, a place nothing of its engine, a client only an endpoint."""
    strangers = {
        "runner/runtimes/": r"runner\.(deployers|loadgens|executors|store|hardware)\b|docker|kubernetes",
        "runner/deployers/": r"runner\.(runtimes|loadgens|executors|store)\b",
        "runner/loadgens/": r"runner\.(runtimes|deployers|executors|store)\b",
    }
    for folder, strange in strangers.items():
        if path.startswith(folder):
            return sorted({name for name in imported(tree) if re.match(strange, name)})
    return []


def environments(path: str, tree: ast.Module) -> list[str]:
    """11: a child gets the variables that are named for it, never the whole environment."""
    if path == "runner/util/process.py" or path.startswith(ENGINE_SIDE):
        return []
    whole = re.compile(r"\*\*os\.environ|dict\(os\.environ\)|os\.environ\.copy\(\)|env=os\.environ")
    return whole.findall(ast.unparse(tree))


BOUNDARIES = ("runner/cli/_main.py", "runner/run_trial.py")


def broad(path: str, tree: ast.Module) -> list[str]:
    """12: everything is caught at the two boundaries only; who catches it elsewhere raises it again."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and path not in BOUNDARIES and not path.startswith(ENGINE_SIDE):
            kinds = {"BaseException"} if node.type is None else set(re.findall(r"\w+", ast.unparse(node.type)))
            again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if kinds & {"Exception", "BaseException"} and not again:
                found.append(f"line {node.lineno}")
    return found


REPEATS = ("runner/confirm.py", "runner/verdict.py", "runner/replay.py", "runner/cli/_summary.py")
"""They take the mean of the repeats of one trial under one client, or the median of ratios between lineages that ran
the same launches: the same facts."""


def averages(path: str, tree: ast.Module) -> list[str]:
    """14: means and medians are made where comparability is checked."""
    if path.startswith(("runner/stats/", "runner/scoring/")) or path in REPEATS:
        return []
    wanted = {"statistics.mean", "statistics.fmean", "statistics.median", "statistics.quantiles"}
    return sorted(wanted & {*imported(tree), *(name for name, _ in called(tree))})


def timeless(path: str, tree: ast.Module) -> list[str]:
    """15: the site has no date, number or id of its own: the same snapshot gives the same bytes."""
    if not path.startswith("report/"):
        return []
    if path == "report/website.py":  # the name of the folder that is built in, which no page says
        return []
    moving = re.compile(r"(^|\.)(now|utcnow|today|time|time_ns|uuid1|uuid4|random|urandom|token_hex|utc_now|new_id)$")
    return sorted(
        {name for name, _ in called(tree) if moving.search(name)} | (top(tree) & {"random", "secrets", "uuid"})
    )


def markup(path: str, tree: ast.Module) -> list[str]:
    """17: text becomes markup in the files that escape it, and never by an f-string of somebody else's words."""
    if path in ("report/escape.py", "report/figures.py", "report/filters.py", "report/phrases.py"):
        return []
    return [name for name, _ in called(tree) if name.rpartition(".")[2] == "Markup"]


def unfinished(path: str, tree: ast.Module) -> list[str]:
    """18: no print, no assertion that is always true, no not-yet."""
    launcher = path == "runner/runtimes/llama_cpp/launcher.py"
    prints = [] if launcher else [name for name, _ in called(tree) if name == "print"]
    raises = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node)
    ]
    return prints + raises


BREAKS: dict[str, tuple[Rule, str, str]] = {
    "4 clock": (quiet, "runner/domain/x.py", "from datetime import datetime\nstarted = datetime.now()"),
    "4 file": (quiet, "runner/scoring/x.py", "rules = open('rules.json')"),
    "4 module": (quiet, "runner/space/x.py", "import time"),
    "5 elsewhere": (sql, "runner/plan.py", "done = connection.execute('SELECT count(*) FROM trials')"),
    "5 insert": (sql, "runner/store/verify.py", "connection.execute('INSERT INTO store.trial VALUES (1)')"),
    "5 export": (sql, "report/exports.py", "connection.execute('DROP TABLE store.trial')"),
    "5 update": (no_change, "runner/store/ingest.py", "connection.execute('UPDATE store.trial SET score = 1')"),
    "6 write": (results, "runner/plan.py", "(records_folder(here) / 'x').write_text('y')"),
    "6 manifest": (results, "runner/reap.py", "name = 'MANIFEST.sha256'"),
    "7 module": (starts, "runner/preflight.py", "def ask():\n    from subprocess import run"),
    "7 system": (starts, "report/build.py", "import os\nos.system('mkdocs build')"),
    "8 kill": (ends, "runner/reap.py", "import os\nos.kill(pid, 9)"),
    "8 by name": (ends, "runner/deployers/local.py", "words = ['pkill', '-f', 'llama-server']"),
    "9 runtime": (one_table, "runner/runtimes/vllm.py", "from runner.deployers import Deployer"),
    "9 deployer": (one_table, "runner/deployers/docker.py", "from runner.runtimes import vllm"),
    "11 environment": (environments, "runner/run_trial.py", "child = {**os.environ, 'A': 'b'}"),
    "12 swallowed": (broad, "runner/plan.py", "try:\n    x()\nexcept Exception:\n    pass"),
    "12 bare": (broad, "runner/plan.py", "try:\n    x()\nexcept:\n    pass"),
    "14 mean": (averages, "report/figures.py", "import statistics\nmiddle = statistics.mean(scores)"),
    "15 now": (timeless, "report/build.py", "from datetime import datetime\nbuilt = datetime.now()"),
    "15 id": (timeless, "report/figures.py", "import uuid\nname = uuid.uuid4()"),
    "17 markup": (markup, "report/render.py", "shown = Markup(f'<b>{name}</b>')"),
    "18 print": (unfinished, "runner/plan.py", "print('here')"),
    "18 not yet": (unfinished, "runner/plan.py", "def later():\n    raise NotImplementedError"),
}
"""Invariant -> its rule, and a few lines at a path that break it."""
RULES: list[Rule] = list(dict.fromkeys(rule for rule, _, _ in BREAKS.values()))
