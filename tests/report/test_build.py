"""The built site as a directory: complete, the same twice, quiet towards the world, honest when there is nothing."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from report.build import Built, build_site
from report.cli.build import COMMAND
from report.website import alone
from runner.domain.metrics import METRICS, format_value
from runner.errors import AlreadyRunning, NotReady, SiteError, StoreError
from runner.store.reader import open_snapshot
from tests import make
from tests.report.conftest import make_project, make_small_project
from tests.report.outline import outline

ADDRESS = re.compile(r"""(?:src|href)=["']?(https?:)?//(?!example\.org)[^"'>\s]+""")


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_pages_are_there(built: Built) -> None:
    for page in ("index.html", "results/campaigns/index.html", "results/campaigns/smollm-cpu/index.html",
                 "results/failures.html", "results/methodology.html", "results/downloads.html", "404.html",
                 "guide/design.html", "results/data/trials.csv", "results/data/build.json"):  # fmt: skip
        assert (built.out / page).is_file(), page
    assert (built.campaigns, built.trials, built.failed) == (4, 20, 9)


def best_score(results: Path) -> str:
    with closing(open_snapshot(results)) as connection:
        row = connection.execute("SELECT score FROM best WHERE campaign = 'smollm-cpu'").fetchone()
    assert row is not None
    return format_value(row[0], METRICS["output_throughput"])


def test_the_answer_comes_first(built: Built, filled: Path) -> None:
    text = (built.out / "index.html").read_text(encoding="utf-8")
    answer, chart, runs = text.index("tb-answer"), text.index("figure class"), text.index('id="lately"')
    assert answer < chart < runs
    assert best_score(filled) in text
    assert "mean of 3 fresh deployments" in text
    assert "5 of 12 failed" in text


def test_every_trial_has_its_permalink(built: Built) -> None:
    text = (built.out / "results/campaigns/smollm-cpu/index.html").read_text(encoding="utf-8")
    assert [f'id="trial-{n}"' in text for n in range(12)] == [True] * 12


def test_nothing_is_left_over(built: Built) -> None:
    for path in built.out.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "<!--table:" not in text, path
        assert "--8<--" not in text, path
        assert '<script type="application/json"' not in text.split("<article")[-1].split("</article")[0], path


def test_no_page_asks_another_host(built: Built) -> None:
    for path in [*built.out.rglob("*.html"), built.out / "results/assets/site.css"]:
        text = path.read_text(encoding="utf-8")
        loaded = [m[0] for m in ADDRESS.finditer(text) if not m[0].startswith("href") or "stylesheet" in m[0]]
        assert loaded == [], path
        assert not re.search(r"fonts\.g|url\(http", text), path


def test_every_figure_has_numbers_and_a_way_to_them(built: Built) -> None:
    for path in built.out.rglob("*.html"):
        for figure in re.findall(r"<figure class=\"chart\".*?</figure>", path.read_text(encoding="utf-8"), re.DOTALL):
            caption = re.search(r"<figcaption>(.*?)</figcaption>", figure, re.DOTALL)
            assert re.search(r"\d", caption[1].split("<a")[0] if caption else ""), path
            assert 'aria-label="' in figure
            source = re.search(r'href="([^"]+\.json)"', figure)
            assert (path.parent / (source[1] if source else "missing")).is_file(), path


class Danger(HTMLParser):
    """What would run: a script of ours that is none, a handler, an address that is code, a picture nobody put there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (name in ("href", "src") and (value or "").strip().startswith("javascript:")):
                self.found.append(f"{tag} {name}={value}")
        if tag == "img":
            self.found.append(str(attrs))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and "hacked" in data:
            self.found.append(data)
        self.text.append(data)


def test_hostile_text_is_text(built: Built) -> None:
    shown = ""
    for path in built.out.rglob("*.html"):
        parser = Danger()
        parser.feed(path.read_text(encoding="utf-8"))
        assert parser.found == [], path
        shown += "".join(parser.text)
    assert shown.count("<script>window.hacked=1</script> ![x](javascript:alert(1)) **bold**") > 5
    assert "--8<-- evil.yaml" in shown
    for path in (built.out / "results/data").rglob("*.js"):
        assert "</script" not in path.read_text(encoding="utf-8"), path


def test_no_machine_is_named(built: Built) -> None:
    for path in [*built.out.rglob("*.html"), *(built.out / "results/data").rglob("*.*s*")]:
        if path.suffix in (".html", ".csv", ".js", ".json"):
            text = path.read_text(encoding="utf-8")
            assert "bench-1" not in text, path
            assert "/models/model.gguf" not in text, path


def test_links_end_in_a_file_that_exists(built: Built) -> None:
    """A folder does not open from file://."""
    for path in built.out.rglob("*.html"):
        if path.name == "404.html":
            continue
        for link in re.findall(r'href="([^"#:]*)["#]', path.read_text(encoding="utf-8")):
            if link and not link.startswith(("//", "https")):
                assert (path.parent / link).is_file(), f"{path}: {link}"


def test_search_knows_no_campaign(built: Built) -> None:
    index = (built.out / "search/search_index.json").read_text(encoding="utf-8")
    assert "smollm-cpu/" not in index
    assert "Severity" in index


def test_the_downloads_hold_together(built: Built) -> None:
    data = built.out / "results/data"
    for line in (data / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((data / name).read_bytes()).hexdigest() == digest
    with duckdb.connect(data / "results.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT count(*), count(score) FROM trials").fetchone()
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT data_type FROM duckdb_columns()").fetchall()}
        hosts = {row[0] for row in connection.execute("SELECT DISTINCT host FROM attempts").fetchall()}
    assert rows == (20, 11)
    assert "VARIANT" not in kinds
    assert "JSON" not in kinds
    assert hosts == {"host-1", "host-2"}
    assert b"DUCK" in (data / "results.duckdb").read_bytes()[:16]


DATABASE = "results/data/results.duckdb"
SUMS = "results/data/SHA256SUMS"


def test_built_twice_it_is_the_same(built: Built, filled: Path, tmp_path: Path) -> None:
    """To the byte, in another folder. DuckDB writes its file with an identity of its own: that one by its content."""
    again = build_site(filled, make_project(tmp_path / "other"), tmp_path / "elsewhere")
    first, second = hashes(built.out), hashes(again.out)
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} <= {DATABASE, SUMS}
    assert content(built.out / DATABASE) == content(again.out / DATABASE)
    assert sums(built.out) == sums(again.out)


def content(database: Path) -> dict[str, list[str]]:
    """Table -> its columns and rows, sorted."""
    with duckdb.connect(database, read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        found = {}
        for table in tables:
            result = connection.execute(f'FROM "{table}"')
            columns = repr([(column[0], str(column[1])) for column in result.description or ()])
            found[table] = [columns, *sorted(map(repr, result.fetchall()))]
    assert found
    return found


def sums(out: Path) -> list[str]:
    lines = (out / SUMS).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.endswith("results.duckdb")]


def test_the_outline_of_every_page_is_golden(built: Built, golden: Callable[[str, str], None]) -> None:
    """What MkDocs makes of the generated pages, hostile campaign included: no table lost, no heading swallowed."""
    pages = [built.out / "index.html", *sorted((built.out / "results").rglob("*.html"))]
    parts = [f"== {page.relative_to(built.out)}\n{outline(page.read_text(encoding='utf-8'))}" for page in pages]
    golden("site/outline.txt", "\n\n".join(parts) + "\n")


def test_the_downloads_are_golden(built: Built, golden: Callable[[str, str], None]) -> None:
    """Columns are what analysts build on."""
    lines = []
    for path in sorted((built.out / "results/data").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        lines.append(f"{path.stem}: {len(rows)} rows\n  {', '.join(head)}")
    golden("site/downloads.txt", "\n".join(lines) + "\n")


def test_an_empty_store_says_what_to_do(empty: Path, tmp_path: Path) -> None:
    built = build_site(empty, make_project(tmp_path / "project"), None)
    text = (built.out / "index.html").read_text(encoding="utf-8")
    assert "Nothing has been measured yet" in text
    assert "tunebook run campaigns/quickstart.yaml" in text
    assert "Nothing has been tried yet" in (built.out / "results/failures.html").read_text(encoding="utf-8")
    assert "No campaign has been run yet" in (built.out / "results/campaigns/index.html").read_text(encoding="utf-8")


def test_a_project_without_pages_gets_a_site_too(filled: Path, tmp_path: Path) -> None:
    built = build_site(filled, tmp_path, None)
    assert best_score(filled) in (built.out / "index.html").read_text(encoding="utf-8")


def test_without_a_snapshot_it_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    result = CliRunner().invoke(COMMAND, ["--results", str(tmp_path / "none")])
    assert isinstance(result.exception, StoreError)
    with pytest.raises(StoreError, match="no snapshot"):
        build_site(tmp_path / "none", project, None)
    assert not (project / "public").exists()


def test_what_is_not_a_site_is_not_replaced(filled: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(NotReady, match="not a built site"):
        build_site(filled, make_project(tmp_path / "project"), home)
    assert (home / "thesis.txt").read_text(encoding="utf-8") == "years of work"


def test_a_broken_page_stops_the_build_and_leaves_the_old_site(empty: Path, tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "project")
    built = build_site(empty, project, None)
    before = hashes(built.out)
    (project / "site/about.md").write_text("[x](nowhere.md)\n", encoding="utf-8")
    with pytest.raises(SiteError, match=r"nowhere\.md"):
        build_site(empty, project, None)
    assert hashes(built.out) == before
    assert [path.name for path in project.iterdir() if path.name.startswith(".")] == []


def test_private_shows_hosts(tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.write_store(results)
    built = build_site(results, make_small_project(tmp_path / "project"), None, private=True)
    assert "bench-1" in (built.out / "results/campaigns/smollm-cpu/index.html").read_text(encoding="utf-8")
    assert "bench-1" in (built.out / "results/data/attempts.csv").read_text(encoding="utf-8")
    assert json.loads((built.out / "results/data/build.json").read_text(encoding="utf-8"))["private"] is True


def test_json_lines_end_with_the_status(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_small_project(tmp_path / "project"))
    result = CliRunner().invoke(COMMAND, ["--results", str(empty), "--json"])
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["event"] for event in events] == ["site", "end"]
    assert events[-1]["exit_code"] == 0


def test_two_builds_of_the_same_pages_do_not_mix(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0")
    with alone(project / "site"), pytest.raises(AlreadyRunning):
        build_site(empty, project, None)
    assert not (project / "public").exists()
