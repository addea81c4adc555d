"""Results of other tools on the page of data: as they were published, and on no other page."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from report.render import Page
from runner.foreign import import_result
from runner.store.ingest import ingest
from runner.store.snapshot import snapshot
from tests import make
from tests.report.conftest import EVIL
from tests.report.test_pages import rendered

FILES = Path(__file__).parents[1] / "runner" / "imports" / "files"


def written(page: Page) -> str:
    return page.markdown + "".join(page.tables.values())


def test_loads_stand_on_the_page_of_data_and_nowhere_else(tmp_path: Path) -> None:
    results = tmp_path / "results"
    make.write_store(results)
    before = {path: written(page) for path, page in rendered(results).items()}
    guide = tmp_path / "guide.json"
    guide.write_bytes(gzip.decompress((FILES / "guidellm-0.8.1.json.gz").read_bytes()))
    bench = json.loads((FILES / "vllm-bench-main.json").read_text(encoding="utf-8"))
    hostile = tmp_path / "bench.json"
    hostile.write_text(json.dumps({**bench, "model_id": EVIL}), encoding="utf-8")
    for path in (guide, hostile):
        import_result(results, path)
    ingest(results)
    snapshot(results)
    after = {path: written(page) for path, page in rendered(results).items()}
    assert {path for path in after if after[path] != before[path]} == {"downloads.md"}
    assert "Results of other tools" not in before["downloads.md"]
    page = after["downloads.md"]
    assert page.count("guidellm 0.8.1") == 2, "one row a load"
    assert f"{bench['output_throughput']:.1f} tok/s" in page
    assert f"{bench['median_ttft_ms']:.1f} ms" in page
    assert f"{bench['p99_ttft_ms']:.0f} ms" in page
    assert "<script>" not in page
    assert str(tmp_path) not in page, "where a file lay is nobody's business"
