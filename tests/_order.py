"""Which test runs when: those that take long first, dealt to the workers, and the thousands of short ones behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar


class Listed(Protocol):
    """What is asked of a `pytest.Item`."""

    @property
    def nodeid(self) -> str: ...

    def get_closest_marker(self, name: str) -> Any: ...


Item = TypeVar("Item", bound=Listed)

SECONDS = {"docker": 5, "story": 8, "browser": 6, "engine": 6, "genai_bench": 12, "ray": 25, "kube": 8}
"""About what a test with this marker takes; most others take a fraction of one."""


def seconds(item: Listed) -> int:
    named = SECONDS["story"] if item.nodeid.startswith("tests/stories/") else 0
    return max((cost for marker, cost in SECONDS.items() if item.get_closest_marker(marker)), default=named)


def waits(item: Listed) -> bool:
    """For what `make test` installs beside the tests."""
    return any(item.get_closest_marker(marker) is not None for marker in ("genai_bench", "ray"))


def _shares(item: Listed) -> str:
    """Tests of one group share what is dear to make: a Docker Engine, a browser and its site, an API server,
    fixtures of a module."""
    for marker in ("docker", "browser", "kube"):
        if item.get_closest_marker(marker):
            return marker
    return item.nodeid.partition("::")[0]


def dealt(items: Sequence[Item], workers: int) -> list[Item]:
    """The same tests in parts of equal number, one behind the other, as `--dist worksteal` hands them out: in each
    first its share of the long ones, of these last those that wait, then short ones.

    Who has done a part takes from the end of another. With the long ones there, the last of them would leave the other
    workers with nothing to do."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if seconds(item):
            groups[_shares(item)].append(item)
    parts: list[list[Item]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for group in sorted(groups.values(), key=lambda group: -sum(map(seconds, group))):
        least = loads.index(min(loads))
        parts[least] += group
        loads[least] += sum(map(seconds, group))
    short = iter([item for item in items if not seconds(item)])
    found: list[Item] = []
    for number, part in enumerate(parts):
        length = (len(items) - len(found)) // (workers - number)
        found += [*sorted(part, key=waits), *islice(short, max(0, length - len(part)))]
    return [*found, *short]
