"""What building the site costs at scale: CPU seconds per stage, peak memory, sizes. It prints, and judges nothing.

    python -m tests.benchmarks.bench_site --campaigns 1000 --trials 50 --big 5000

Three stores of synthetic campaigns (tests/make/many.py): a thousand of 50 trials, built from nothing; the same with one
campaign more, built again; one campaign of 5,000 trials. Each build is a process of its own. CPU seconds are those of
the process and its children, all threads together; a stage is told without the stages inside it.
"""

from __future__ import annotations

import argparse
import functools
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from report.build import build_site
from tests.make.many import write_many

ROOT = Path(__file__).parents[2]
STAGES = {
    "gather": ("report.build:prepare", "report.build:gather", "report.build:Portions", "report.build:machines"),
    "render": ("report.render:Pages.of_site", "report.campaigns:keep"),
    "exports": ("report.build:export", "report.website:write_parts"),
    "write": ("report.website:clear", "report.website:write_pages"),
    "mkdocs": ("report.website:run_mkdocs",),
    "post-pass": ("report.postpass:fill", "report.postpass:set_in"),
    "details": ("report.details:write",),
}
"""Stage -> functions as `build_site` calls them."""
REST = "the rest"


@dataclass
class Clock:
    """CPU seconds by stage. A stage that is called inside another one stops that one's clock."""

    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys([*STAGES, REST], 0.0))
    stages: list[str] = field(default_factory=lambda: [REST])
    since: float = field(default_factory=lambda: cpu_seconds())

    @contextmanager
    def measures(self, stage: str) -> Iterator[None]:
        self._note()
        self.stages.append(stage)
        try:
            yield
        finally:
            self._note()
            self.stages.pop()

    def _note(self) -> None:
        now = cpu_seconds()
        self.spent[self.stages[-1]] += now - self.since
        self.since = now

    def watched(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **words: Any) -> Any:
            with self.measures(stage):
                return function(*args, **words)

        return timed


def cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_memory() -> float:
    """MB. Not `ru_maxrss`, which begins with what the process had that started this one: getrusage(2)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def build(results: Path, project: Path) -> dict[str, Any]:
    """Build the site, in this process; what it took and what came of it."""
    clock = Clock(since=0.0)  # the start of the interpreter and its imports count too
    for stage, places in STAGES.items():
        for place in places:
            module, _, names = place.partition(":")
            *owners, name = names.split(".")
            owner = functools.reduce(getattr, owners, import_module(module))
            setattr(owner, name, clock.watched(stage, getattr(owner, name)))
    built = build_site(results, project, None)
    with clock.measures(REST):
        pass
    pages = {path: path.stat().st_size for path in built.out.rglob("*.html")}
    files = [path for path in built.out.rglob("*") if path.is_file()]
    generated = {path: size for path, size in pages.items() if _is_generated(path.relative_to(built.out))}
    largest = max(generated, key=lambda path: generated[path])
    return {
        "cpu": clock.spent,
        "rss_mb": peak_memory(),
        "campaigns": built.campaigns,
        "trials": built.trials,
        "pages": len(pages),
        "files": len(files),
        "site_mb": sum(path.stat().st_size for path in files) / 1e6,
        "largest_page": largest.relative_to(built.out).as_posix(),
        "largest_page_kb": generated[largest] / 1024,
        "largest_data_kb": max(path.stat().st_size for path in (built.out / "results/data").rglob("*.js")) / 1024,
    }


def _is_generated(page: Path) -> bool:
    return page.parts[0] in ("results", "index.html")


def measured(results: Path, project: Path) -> dict[str, Any]:
    """The same in a process of its own: its memory is not ours."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_site", "--build", str(results), str(project)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_project(folder: Path, *, guide: bool) -> Path:
    """A clone's pages by hand, or those of somebody who has none."""
    folder.mkdir(parents=True)
    if guide:
        shutil.copy(ROOT / "mkdocs.yml", folder)
        shutil.copytree(ROOT / "site", folder / "site", ignore=shutil.ignore_patterns("results"))
    return folder


def table(columns: dict[str, dict[str, Any]]) -> list[str]:
    """Lines to print: a row per figure, a column per build."""

    def line(name: str, unit: str, cells: list[str]) -> str:
        return f"{name:24} {unit:6}" + "".join(f"{cell:>16}" for cell in cells)

    found = list(columns.values())
    lines = [line("", "", list(columns))]
    lines += [line(stage, "CPU s", [f"{one['cpu'][stage]:.2f}" for one in found]) for stage in [*STAGES, REST]]
    total = [sum(one["cpu"].values()) for one in found]
    lines.append(line("all", "CPU s", [f"{one:.2f}" for one in total]))
    exports = [one["cpu"]["exports"] for one in found]
    less = [f"{one - other:.2f}" for one, other in zip(total, exports, strict=True)]
    lines.append(line("all but exports", "CPU s", less))
    for name, unit, key in (
        ("peak memory", "MB", "rss_mb"), ("largest page", "KB", "largest_page_kb"),
        ("largest data file", "KB", "largest_data_kb"), ("site", "MB", "site_mb"),
    ):  # fmt: skip
        lines.append(line(name, unit, [f"{one[key]:.1f}" for one in found]))
    for name in ("campaigns", "trials", "pages", "files"):
        lines.append(line(name, "", [str(one[name]) for one in found]))
    return [*lines, *(f"largest page, {name}: {one['largest_page']}" for name, one in columns.items())]


def bench(folder: Path, campaigns: int, trials: int, big: int, *, guide: bool) -> list[str]:
    """All of it, in `folder`, which exists; the lines to print."""
    many, project = folder / "many", make_project(folder / "project", guide=guide)
    write_many(many, campaigns, trials)
    columns = {"from nothing": measured(many, project)}
    write_many(many, 1, trials, first=campaigns)
    columns["one more"] = measured(many, project)
    one = folder / "one"
    write_many(one, 1, big)
    columns[f"{big} trials"] = measured(one, make_project(folder / "other", guide=guide))
    return table(columns)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--campaigns", type=int, default=1000)
    options.add_argument("--trials", type=int, default=50)
    options.add_argument("--big", type=int, default=5000, help="trials of the one big campaign")
    options.add_argument("--no-guide", action="store_true", help="only generated pages, as in a project without any")
    options.add_argument("--build", nargs=2, type=Path, metavar=("RESULTS", "PROJECT"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.build:
        print(json.dumps(build(*asked.build)))
        return
    with tempfile.TemporaryDirectory(prefix="bench-site-") as folder:
        for line in bench(Path(folder), asked.campaigns, asked.trials, asked.big, guide=not asked.no_guide):
            print(line)


if __name__ == "__main__":
    main()
