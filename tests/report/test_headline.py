"""Every number that a page opens with is made anew from what the site publishes, by a query that the SQL page shows.

A reader has the built pages and `results.duckdb`, and nothing else is used here: the pages are read as text, units and
rounding included, and the file is asked by DuckDB itself. Of two sites: the published results of this repository, and
made-up ones with GPUs, prices, energy and a pre-check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from report.build import Built, build_site
from runner.cli.store import COMMAND as STORE
from tests._shared import once
from tests.report.conftest import ROOT, make_small_project
from tests.report.reading import Site
from tests.report.spelling import change, energy, load, machine, measured, of, price, several, took

Pair = tuple[object, object]
"""What a page shows, and what the answer of a query says it should."""

MARKS = {"better": "▲", "worse": "▼", "tie": "=", "inconclusive": "?", "incomparable": "≠"}
RANKED = {"output_throughput": "output throughput", "ttft": "time to first token, p99",
          "tpot": "time per output token, p99"}  # fmt: skip


@pytest.fixture(scope="session", params=[pytest.param("published", marks=pytest.mark.story), "made"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    if request.param == "made":
        built: Built = request.getfixturevalue("built")
        return Site(built.out)

    def demo(folder: Path) -> Built:
        results = folder / "results"
        asked = ["ingest", str(ROOT / "campaigns" / "published"), "--results", str(results)]
        done = CliRunner().invoke(STORE, asked, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return build_site(results, make_small_project(folder / "project"), None)

    return Site(once(tmp_path_factory, "demo-site", demo).out)


def front(site: Site) -> Iterator[Pair]:
    """The line under the title, and what happened in the last week."""
    page = site.page("index.html")
    (all_,) = site.ask("Front page: how much was measured")
    share, until = all_["failed"] / all_["trials"], f"{all_['as_of_utc']:%Y-%m-%d %H:%M} UTC"
    held = f"{several(all_['campaigns'], 'campaign')}, {several(all_['trials'], 'trial')}"
    failed = f"{all_['failed']} of them failed ({of(100 * share, 3, '%')})"
    spent = f"{took(all_['machine_seconds'])} of machine time"
    yield page.of("tb-lede")[0], f"{held}, {failed}, {spent}. As of {until}."
    (week,) = site.ask("Front page: the runs of the last seven days")
    died = site.ask("Front page: what the attempts of the last seven days died of")
    causes = [
        f"{row['attempts']} {row['cause']}" + (f" at {row['phase']}" if row["cause"] != row["phase"] else "")
        for row in died[:5]
    ]
    told = ", ".join(causes)
    told += f" and {sum(row['attempts'] for row in died[5:])} of other causes" if died[5:] else ""
    yield (
        page.text("In the seven days before"),
        f"In the seven days before {until}: {several(week['runs'], 'run')} of "
        f"{several(week['campaigns'], 'campaign')}. {several(sum(row['attempts'] for row in died), 'attempt')} "
        f"did not end with a result: {told}; "
        f"they took {took(sum(row['seconds'] for row in died))}.",
    )


def leaderboard(site: Site) -> Iterator[Pair]:
    """Score, gain over the default, what a million tokens take, failures."""
    shown = {row[2].split("\n")[0]: row for row in site.page("index.html").rows("Model, hardware", "Workload")}
    answers = site.ask("Front page: the best of each campaign")
    yield sorted(shown), sorted(row["name"] for row in answers)
    for row in answers:
        _, _, _, score, gain, tokens, joules, failed = shown[row["name"]]
        yield failed, f"{row['failed']} of {row['trials']}"
        if row["number"] is None:
            yield score.split("\n")[0], "–"
            continue
        yield score.split("\n")[0], measured(row["score"], row["unit"])
        yield score.endswith(", confirmed"), row["basis"] == "confirmed"
        if row["gain_percent"] is not None:
            percents = [change(row[f"{end}_percent"]) for end in ("gain", "low", "high")]
            yield gain, f"{MARKS[row['verdict']]} {row['verdict']}\n{percents[0]}\n{percents[1]} to {percents[2]}"
        what = "machine" if row["price_per_million"] is None else "GPU"
        paid = [price(row)] if row["price_per_million"] is not None else []
        spent = [machine(row["hours_per_million"], what), *paid, f"at {load(row['load_kind'], row['load_value'])}"]
        yield tokens, "\n".join(spent)
        yield joules, energy(row["joules_per_million"])


def answers(site: Site) -> Iterator[Pair]:
    """The answer of each campaign on its own page."""
    for row in site.ask("A campaign's page: its answer"):
        page = site.campaign(row["name"])
        if row["number"] is None:
            wanted = f"No configuration works yet: {row['failed']} of {several(row['trials'], 'trial')} failed."
            yield page.of("tb-headline")[0], wanted
            continue
        value, basis, counts = page.of("tb-fact")[:3]
        worse = measured(row["score"], row["unit"])
        yield value.split("\n")[0], measured(row["measured"], row["unit"])
        yield f"score {worse}: soft SLOs were missed" in value, worse != measured(row["measured"], row["unit"])
        confirmed = f"confirmed\nmean of {several(row['repeats'], 'fresh deployment')}, {row['client']} client"
        yield basis, confirmed if row["basis"] == "confirmed" else "not confirmed\none measurement in the search"
        unmeasured = row["trials"] - row["succeeded"] - row["failed"]
        parts = [f"{row['failed']} of {row['trials']} failed\n{row['succeeded']} succeeded"]
        parts += [f"{unmeasured} unmeasured"] if unmeasured else []
        parts += [f"{row['refused']} refused before a try"] if row["refused"] else []
        yield counts, ", ".join(parts)
        (told,) = [text for _, text in page.texts if "of machine time, " in text]
        spent = (
            f"{took(row['machine_seconds'])} of machine time, {took(row['seconds_lost'])} of it on attempts that failed"
        )
        yield told.partition("; ")[2], spent


def cards(site: Site) -> Iterator[Pair]:
    """The front page repeats answers and gains of campaigns: `answers` and `verdicts` check them on their own pages."""
    names = [row["name"] for row in site.ask("A campaign's page: its answer")]
    own = [site.campaign(name) for name in names]
    page = site.page("index.html")
    shown = page.of("tb-fact")
    known = [page.of("tb-fact")[:3] for page in own]
    yield [shown[at : at + 3] in known for at in range(0, len(shown), 3)], [True] * (len(shown) // 3)
    gains = {text for _, text in page.texts if text.startswith("against ")}
    yield gains - {text for page in own for _, text in page.texts}, set()


def verdicts(site: Site) -> Iterator[Pair]:
    """Gains with their intervals, on the campaign's page in its answer and in its table, and the values behind them."""
    for row in site.ask("A campaign's page: its verdicts"):
        page = site.campaign(row["campaign"])
        against = (
            f"the default of {row['entry_against']}"
            if row["is_default"]
            else f"trial {row['against']} of {row['entry_against']}"
        )
        said = page.text(f"against {against}\n").split("\n")[1].split(";")[0]
        badge = f"{MARKS[row['verdict']]} {row['verdict']}"
        cells = next(
            one for one in page.rows("Trial", "Against", "Metric")
            if (one[0].split()[0], one[1].split()[0]) == (str(row["number"]), str(row["against"]))
        )  # fmt: skip
        yield cells[4], badge
        if row["gain_percent"] is None:
            yield said.startswith(badge), True
            continue
        gain, low, high = (change(row[f"{end}_percent"]) for end in ("gain", "low", "high"))
        yield said, f"{badge} {gain} [{low}, {high}], {row['repeats']} each"
        yield cells[5], f"{gain}\n[{low}, {high}]\n{row['confidence_percent']:.0f} %"
        means = [measured(row[column], row["unit"]) for column in ("geometric_mean", "geometric_mean_against")]
        yield cells[3], "\n".join(means)
        yield change(row["gain_from_repeats"]), gain


def levels(site: Site) -> Iterator[Pair]:
    """Throughput, time to first token and time per output token of the best and its default at each load."""
    rows = site.ask("A campaign's page: the best trial and the default")
    for name in dict.fromkeys(row["campaign"] for row in rows):
        shown = [row[:6] for row in site.campaign(name).rows("Configuration", "Level", "Answered")]
        mine = [row for row in rows if row["campaign"] == name]
        yield (
            sorted(row[0:2] for row in shown),
            sorted([r["which"], f"{r['scenario']}, {load(r['load_kind'], r['load_value'])}"] for r in mine),
        )
        for row in mine:
            (cells,) = [
                c
                for c in shown
                if c[:2] == [row["which"], f"{row['scenario']}, {load(row['load_kind'], row['load_value'])}"]
            ]
            yield cells[2].split(",")[0].split("\n")[0], f"{row['ok']} of {row['sent']}"
            yield cells[3], measured(row["tokens_per_second"], "tok/s")
            for cell, metric in ((cells[4], "ttft"), (cells[5], "tpot")):
                yield cell, "\n".join(measured(row[f"{metric}_{stat}"], "s") for stat in ("p50", "p99"))


def failures(site: Site) -> Iterator[Pair]:
    """How many trials failed, of what, where, and the time that it took."""
    page, rows = site.page("results/failures.html"), site.ask("Failures: what trials died of")
    trials = sum(row["trials"] for row in site.ask("A campaign's page: its answer"))
    failed, lost = sum(row["trials"] for row in rows), sum(row["seconds_lost"] for row in rows)
    share = of(100 * failed / trials, 3, "%")
    wanted = f"{failed} of {several(trials, 'trial')} failed ({share}) and took {took(lost)} with them."
    yield page.of("tb-lede")[0].partition(" A failure is")[0], wanted
    shown = [row[:5] for row in page.rows("Cause", "Phase", "Trials")]
    yield (
        shown,
        [
            [row["cause"], row["phase"], str(row["trials"]), took(row["seconds_lost"]), f"{row['severity']:.3g}"]
            for row in rows
        ],
    )


def prechecks(site: Site) -> Iterator[Pair]:
    """Precision with its interval, and recall."""
    rows = site.ask("Whether the pre-check was right")
    shown = site.page("results/failures.html").rows("Campaign", "Rule", "Refused")
    yield len(shown), len(rows)
    for cells in shown:
        rule = "all" if cells[1] == "all rules" else cells[1]
        (row,) = [row for row in rows if (row["campaign"], row["rule"]) == (cells[0], rule)]
        yield cells[2:5], [str(row[column]) for column in ("rejected", "audited", "failed")]
        percents = [
            None if row[c] is None else of(100 * row[c], 3, "%") for c in ("precision", "low", "high", "recall")
        ]
        yield cells[5], "–" if percents[0] is None else f"{percents[0]} ({percents[1]} to {percents[2]})"
        yield cells[6:], ["–" if row["unforeseen"] is None else str(row["unforeseen"]), percents[3] or "–"]


def parameters(site: Site) -> Iterator[Pair]:
    """How often each value failed, with Wilson's interval, and its gap. Left out are parameters that the page put into
    ranges, and one with quotes in its name and values: SQL without JSON leaves their backslashes."""
    shown = site.page("results/parameters.html").rows("Parameter", "Value")
    other = {cells[0] for cells in shown if " to " in cells[1] or '"' in cells[0]}
    shown = [cells for cells in shown if cells[0] not in other]
    answer = site.ask("Parameters: how often each value failed")
    rows = {
        (name, row["value"]): row
        for row in answer
        if (name := f"{row['runtime']}: {row['parameter']}") not in other and "\\" not in name
    }
    yield {(cells[0], cells[1]) for cells in shown}, set(rows)
    for cells in shown:
        row = rows[cells[0], cells[1]]
        ends = [of(row[f"{end}_percent"], 3, "%") for end in ("low", "high")]
        yield cells[2], f"{row['failed']} of {row['trials']}\n{ends[0]} to {ends[1]}"
        yield cells[3].split("\n")[0], "–" if row["gap_percent"] is None else of(row["gap_percent"], 3, "%")


def costs(site: Site) -> Iterator[Pair]:
    """What a million tokens take at the cheapest load of each entry, and what the measuring took."""
    page = site.page("results/cost.html")
    rows = site.ask("Cost: the cheapest load")
    shown = {(row[0], row[1].split()[0]): row[2:] for row in page.rows("Campaign", "Configuration", "At")}
    yield set(shown), {(row["campaign"], row["entry"]) for row in rows}
    for row in rows:
        cells = shown[row["campaign"], row["entry"]]
        yield cells[0], load(row["load_kind"], row["load_value"])
        yield cells[1:3], [measured(row["tokens_per_second"], "tok/s"), measured(row["tpot_p50"], "s")]
        yield cells[3], machine(row["hours_per_million"], "machine" if row["price_per_million"] is None else "GPU")
        yield cells[4], price(row)
        yield cells[5].split("\n")[0], energy(row["joules_per_million"])
    spent = site.ask("Cost: what the measuring took")
    wanted = []
    for row in spent:
        what = "machine" if row["price"] is None else "GPU"
        lost = machine(row["hours_without_result"], what)
        share = of(100 * row["hours_without_result"] / row["hours"], 3, "%")
        wanted.append(
            [row["name"], str(row["attempts"]), machine(row["hours"], what), f"{lost}\n{share}", price(row, "price")]
        )
    yield page.rows("Campaign", "Attempts", "Machine time"), wanted


def ranks(site: Site) -> Iterator[Pair]:
    """The place and the median of each entry's best trial at each load, where one campaign measured them."""
    page = site.page("results/runtimes.html")
    rows = site.ask("Runtimes: the rank of the best trial")
    for heading, table in zip(page.under, page.tables, strict=True):
        campaign = re.search(r"\((.*)\)", heading)
        if table[0][1] != "Entry" or campaign is None:
            continue
        scenario, client = table[0][0].split("), ")
        known = {
            (RANKED[row["metric"]], row["entry"], load(row["load_kind"], row["load_value"])): row
            for row in rows
            if (row["campaign"], row["client"], row["scenario"])
            == (campaign[1], client.replace(" client", ""), f"{scenario})")
        }
        cells = {
            (line[0], line[1], at): cell for line in table[1:] for at, cell in zip(table[0][2:], line[2:], strict=True)
        }
        for at in known.keys() | cells.keys():
            row = known.get(at)
            yield cells[at].replace(" ≈", ""), f"{row['place']}. {measured(row['middle'], row['unit'])}" if row else "–"


CHECKS: dict[str, Callable[[Site], Iterator[Pair]]] = {
    check.__name__: check
    for check in (front, leaderboard, cards, answers, verdicts, levels, failures, prechecks, parameters, costs, ranks)
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_page_says_what_the_query_answers(name: str, site: Site) -> None:
    pairs = list(CHECKS[name](site))
    assert pairs
    assert [shown for shown, _ in pairs] == [wanted for _, wanted in pairs]
