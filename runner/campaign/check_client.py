"""What the load generators of a campaign can not do: the one of the search, and the one that confirms."""

from __future__ import annotations

from collections.abc import Iterator

from runner.campaign.build import build_workload
from runner.campaign.check_objective import objectives
from runner.campaign.document import Document
from runner.campaign.schema import CampaignFile
from runner.campaign.validate import Reading
from runner.domain.metrics import metric_ref
from runner.errors import Problem
from runner.loadgens import WORDS, LoadGenerator, asked_of_the_client, loadgens


def check_client(file: CampaignFile, document: Document, reading: Reading) -> Iterator[Problem]:
    """A client that is not known is a problem of another check."""
    if not reading.sound("workload"):
        return
    wanted = {"workload.client": file.workload.client}
    if reading.sound("confirm") and file.confirm.client is not None:
        wanted["confirm.client"] = file.confirm.client
    said: set[str] = set()
    for place, name in wanted.items():
        if name not in loadgens or loadgens.get(name).name in said:
            continue
        member = loadgens.get(name)
        said.add(member.name)
        for need in asked_of_the_client(build_workload(file.workload)):
            if need not in member.can:
                key, what = WORDS[need]
                where = document.at_value("workload", key)
                what = f"{place} {member.name} can not do {what}: {member.why_not(need)}"
                yield Problem("client-limit", what, where, f"take {place}: native, which can")
        yield from _judged(file, document, reading, place, member)


def _judged(
    file: CampaignFile, document: Document, reading: Reading, place: str, member: LoadGenerator
) -> Iterator[Problem]:
    """A metric that the campaign judges by and the client never measures: every attempt would lack it."""
    judged = []
    if reading.sound("objective"):
        judged += [(one.metric, document.at_value(*path, "metric")) for one, path in objectives(file, document)]
    if reading.sound("slo"):
        judged += [(name, document.at_key("slo", name)) for name in file.slo]
    for name, where in judged:
        try:
            metric = metric_ref(name).metric.name
        except ValueError:
            continue  # said by another check
        if not member.measures(metric):
            what = f"{place} {member.name} does not measure {metric}"
            yield Problem("client-limit", what, where, "take the native client, or judge by another metric")
