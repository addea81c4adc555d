"""The order that workers get: nothing is lost, and what takes long is not left to the end."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests._order import dealt, seconds, waits


@dataclass(frozen=True)
class Test:
    """What a collected test says of itself."""

    __test__ = False
    nodeid: str
    markers: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.markers else None


def some(folder: str, number: int, *markers: str) -> list[Test]:
    """As many tests in each of two modules."""
    return [Test(f"{folder}/test_{module}.py::test_{n}", markers) for module in "ab" for n in range(number)]


TESTS = [
    *some("tests/architecture", 40), *some("tests/browser", 4, "browser"), *some("tests/runner", 60),
    *some("tests/runner/loadgens", 3, "genai_bench"), *some("tests/stories", 3, "story"), *some("tests/stories", 1),
    *some("tests/stories/contained", 3, "docker", "story"),
]  # fmt: skip


def parts(tests: list[Test], workers: int) -> list[list[Test]]:
    """As `worksteal` takes them apart."""
    found, rest = [], dealt(tests, workers)
    for left in range(workers, 0, -1):
        length = len(rest) // left
        found.append(rest[:length])
        rest = rest[length:]
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("tests", [TESTS, TESTS[:3], [one for one in TESTS if seconds(one)], []], ids=len)
def test_every_test_is_dealt_once(tests: list[Test], workers: int) -> None:
    assert sorted(map(repr, dealt(tests, workers))) == sorted(map(repr, tests))


@pytest.mark.parametrize("workers", [2, 3])
def test_each_worker_begins_with_its_share_of_what_takes_long(workers: int) -> None:
    given = parts(TESTS, workers)
    for part in given:
        costs = [seconds(one) > 0 for one in part]
        assert costs == sorted(costs, reverse=True)
        waiting = [waits(one) for one in part if seconds(one)]
        assert waiting == sorted(waiting), "what waits comes last of these"
    loads = [sum(map(seconds, part)) for part in given]
    assert min(loads) > 0.5 * max(loads)
    for name in ("docker", "browser"):
        having = [part for part in given if any(one.get_closest_marker(name) for one in part)]
        assert len(having) == 1, f"one worker starts the {name}"
