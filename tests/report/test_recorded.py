"""The site's `reproduce.json`, made by SQL, says what the sealed records say."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from report.build import machines
from report.gather import prepare
from report.publish import Publisher
from report.recorded import FACTS, recorded_json
from runner.campaign.load import from_resolved
from runner.circumstances import NAMES
from runner.domain.recorded import Site
from runner.recorded import recorded_run
from runner.store.reader import open_snapshot
from runner.util.codec import from_json
from tests import make


def test_it_is_what_the_records_say(tmp_path: Path) -> None:
    store = make.write_store(tmp_path / "results")
    with closing(open_snapshot(store.results)) as connection:
        prepare(connection)
        text = recorded_json(connection, Publisher(machines(connection)))
    site = from_json(Site, text)
    records = recorded_run(store.results, store.run)
    [campaign] = site.campaigns
    assert set(FACTS) == set(NAMES)
    for published, sealed in zip(campaign.trials, records.trials, strict=True):
        assert published.configuration == sealed.configuration
        assert (published.values, published.basis) == (sealed.values, sealed.basis)
        assert published.facts == sealed.facts
        assert published.launch == sealed.launch
    assert campaign.best is not None
    assert records.best is not None
    assert campaign.best.trial_id == records.best.trial_id
    told = from_resolved(dict(campaign.campaign))
    assert (told.model, told.workload, told.entries) == (
        store.campaign.model,
        store.campaign.workload,
        store.campaign.entries,
    )
    assert told.search.seed == store.campaign.search.seed


def test_no_path_and_no_host_leaves(tmp_path: Path) -> None:
    of = make.campaign(description="see /home/somebody/notes/plan.md on node-17")
    store = make.write_store(tmp_path / "results", of=of)
    with closing(open_snapshot(store.results)) as connection:
        prepare(connection)
        hosts = machines(connection)
        text = recorded_json(connection, Publisher(hosts))
    assert "/home/somebody" not in text
    assert all(host not in text for host in hosts)
