"""The generated part of the site on disk, and the run of MkDocs over all of it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from glob import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from report import scripts
from report.escape import in_chart
from report.identity import Identity
from report.render import Page
from runner.errors import AlreadyRunning, NotReady, SiteError, Unwritable
from runner.util.files import FULL, new_folder, remove_abandoned

ASSETS = (
    "campaign-list.js", "charts.js", "compare.js", "reach.js", "site.css", "sql-answer.js", "sql.js", "whatif.js",
    "whatif_panel.js",
)  # fmt: skip
MARK = "build.json"
"""Stands in every built site: only a folder that has it, or an empty one, is replaced."""


def sources(project: Path, results: Path) -> tuple[Path, Path]:
    """mkdocs.yml and the folder of the hand-written pages. A project without either, as one has it who installed the
    package and ran a campaign, gets a small site of generated pages only. Raises NotReady."""
    config, source = project / "mkdocs.yml", project / "site"
    if config.is_file() and source.is_dir():
        return config, source
    if config.is_file():
        raise NotReady(f"{config} is there, but the folder {source} is not", hint="the pages of a project lie in site/")
    skeleton = results / "site-source"
    (skeleton / "site").mkdir(parents=True, exist_ok=True)
    for name in ("mkdocs.yml", "site/index.md"):
        (skeleton / name).write_bytes(files("report.skeleton").joinpath(name).read_bytes())
    return skeleton / "mkdocs.yml", skeleton / "site"


OLD = "-old"
_SCRATCH = "tunebook-build-"
WAIT = 120.0
"""Seconds to wait for another build of the same pages, unless TUNEBOOK_LOCK_WAIT says otherwise."""


@contextmanager
def alone(source: Path) -> Iterator[None]:
    """Nobody else builds from the same pages meanwhile. The lock is on the folder, so that it leaves no file.

    Raises AlreadyRunning when the other build has not ended in time.
    """
    handle = os.open(source, os.O_RDONLY)
    try:
        end = time.monotonic() + float(os.environ.get("TUNEBOOK_LOCK_WAIT") or WAIT)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise AlreadyRunning(
                        f"another build writes {source}", hint="wait for it to end, then build again"
                    ) from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def clear(folder: Path, kept: str) -> None:
    """Empty `folder` (site/results), but for what it keeps from one build to the next in the folder `kept`."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name != kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "data").mkdir()


def write_parts(path: Path, parts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(parts)


def write_pages(folder: Path, pages: Sequence[Page]) -> None:
    """Replace the pages, their data files and the assets in `folder` (site/results). Downloads in it stay."""
    for page in pages:
        path = folder / page.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page.markdown, encoding="utf-8")
        if page.rows:
            write_data(folder / "data", page.key, data_json(page))
    assets = folder / "assets"
    assets.mkdir(exist_ok=True)
    for name in ASSETS:
        (assets / name).write_bytes(files("report.assets").joinpath(name).read_bytes())
    (assets / "specs.js").write_bytes(scripts.specs())
    (assets / "vega.js").write_bytes(scripts.vega())


def data_json(page: Page) -> str:
    """The rows of its charts."""
    return scripts.as_json({name: [_slim(row) for row in rows] for name, rows in page.rows.items()})


def write_data(folder: Path, key: str, text: str) -> None:
    """Twice: JSON for people, and a script that calls the loader, since a page from file:// may not fetch. `folder` is
    that of the data files, `text` of `data_json`."""
    path = folder / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.name}.json").write_text(f"{text}\n", encoding="utf-8")
    script = f"__tunebook({json.dumps(f'data/{path.name}')},{text});\n"
    path.with_name(f"{path.name}.js").write_text(script, encoding="utf-8")


def write_for_script(folder: Path, name: str, value: Any) -> None:
    """Data that only a script of ours reads, in `folder`, that of the data files."""
    (folder / f"{name}.js").write_text(scripts.call(f"data/{name}", value), encoding="utf-8")


def _slim(row: Mapping[str, Any]) -> dict[str, Any]:
    """Six digits are more than a chart can show, and so are 300 characters."""
    return {
        key: in_chart(value) if (kind := value.__class__) is str else float(f"{value:.6g}") if kind is float else value
        for key, value in row.items()
    }


def run_mkdocs(config_file: Path, out: Path, epoch: int, identity: Identity) -> tuple[str, str]:
    """Build the whole site into `out`, strictly. `epoch` (s) is the date of every page; `identity` goes before what
    mkdocs.yml says. Returns the site's address, empty when it has none, and its name.

    Raises SiteError with the warnings: a broken link, a page that the navigation names and nobody wrote.
    """
    said = _Said()
    log = logging.getLogger("mkdocs")
    log.addHandler(said)
    before = log.level, log.propagate
    log.setLevel(logging.WARNING)
    log.propagate = False
    try:
        with _environment(SOURCE_DATE_EPOCH=str(epoch), NO_MKDOCS_2_WARNING="1"):
            from mkdocs.commands.build import build
            from mkdocs.config import load_config
            from mkdocs.exceptions import MkDocsException

            try:
                config = load_config(str(config_file), site_dir=str(out), strict=True, **identity.settings())
                for key, value in identity.theme().items():
                    config.theme[key] = value
                build(config)
                return config.site_url or "", config.site_name
            except (MkDocsException, SystemExit) as error:
                lines = said.lines or [str(error)]
                raise SiteError(
                    f"the site does not build: {'; '.join(lines)}",
                    hint=f"mend the page or {config_file.name}, then run `tunebook build` again",
                ) from error
    finally:
        log.removeHandler(said)
        log.setLevel(before[0])
        log.propagate = before[1]


class _Said(logging.Handler):
    """What MkDocs complained about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(" ".join(record.getMessage().split()))


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the time of a build, where the system keeps such; those of builds that were killed are removed."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_SCRATCH}{'[0-9a-f]' * 8}"):
        remove_abandoned(left)
    with new_folder(place / f"{_SCRATCH}{secrets.token_hex(4)}") as folder:
        yield folder


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A folder beside `out` to build in; it takes the place of `out` when all went well. Until then the old site stays.

    What a killed build left beside `out` is removed; when it was killed while the two changed places, the old site is
    put back. Raises NotReady when `out` holds something that is not a built site, Unwritable when the place can not be
    written.
    """
    _tidy(out)
    if out.exists() and not out.is_dir():
        raise NotReady(f"{out} is a file", hint="name a folder with --out")
    if out.is_dir() and any(out.iterdir()) and not (out / "results" / "data" / MARK).is_file():
        raise NotReady(
            f"{out} holds something that is not a built site, and a build would replace it",
            hint="name an empty or a new folder with --out, or remove it yourself",
        )
    with ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            fresh = stack.enter_context(new_folder(out.with_name(f".{out.name}-{secrets.token_hex(4)}")))
        except OSError as error:
            if error.errno in FULL:
                raise  # the disk's fault, not the folder's: the command line says so
            raise Unwritable(
                f"can not write in {out.parent}: {error.strerror}", hint="name another folder with --out"
            ) from error
        yield fresh
        old = fresh.with_name(f"{fresh.name}{OLD}")
        if out.is_dir():
            out.rename(old)
        fresh.rename(out)
        shutil.rmtree(old, ignore_errors=True)


def _tidy(out: Path) -> None:
    """Only names that `replacing` makes, and of those only what no living build holds."""
    ours = f".{escape(out.name)}-{'[0-9a-f]' * 8}"
    olds = sorted(out.parent.glob(f"{ours}{OLD}"))
    if olds and not out.exists():
        olds.pop().rename(out)
    for left in (*out.parent.glob(ours), *olds):
        remove_abandoned(left)
