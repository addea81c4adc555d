from __future__ import annotations

import pytest

from runner.domain.failure import Cause, Failure, Phase, out_of_memory


@pytest.mark.parametrize(
    ("phase", "cause", "expected"),
    [
        (Phase.LOAD, Cause.HANG, Cause.OOM_LOAD),
        (Phase.READY, Cause.ERROR_RATE, Cause.OOM_LOAD),
        (Phase.LOAD, Cause.UNKNOWN, Cause.OOM_LOAD),
        (Phase.WARMUP, Cause.CRASH, Cause.OOM_SERVE),
        (Phase.MEASURE, Cause.HANG, Cause.OOM_SERVE),
    ],
)
def test_an_engine_that_lost_a_process_for_memory_failed_of_memory(phase: Phase, cause: Cause, expected: Cause) -> None:
    seen = Failure(phase, cause, "nothing moves", hung=cause is Cause.HANG, limit="timeouts.level")
    found = out_of_memory(seen)
    assert (found.phase, found.cause, found.hung, found.limit) == (phase, expected, seen.hung, seen.limit)
    assert found.evidence == "nothing moves; the kernel ended one of its processes for memory"


@pytest.mark.parametrize("cause", [Cause.BAD_FLAG, Cause.OOM_GRAPH, Cause.PORT, Cause.INTERRUPTED])
def test_what_is_explained_stays_as_it_is(cause: Cause) -> None:
    seen = Failure(Phase.LOAD, cause, "because")
    assert out_of_memory(seen) == seen


def test_evidence_stays_within_its_limit() -> None:
    found = out_of_memory(Failure(Phase.LOAD, Cause.HANG, "x" * 500))
    assert len(found.evidence) == 500
    assert found.evidence.endswith("for memory")
