"""JSON lines for programs: {"event", "ts", "run_id", ...}, one object per line, nothing else on the stream."""

from __future__ import annotations

import json
from typing import TextIO

from runner.domain.events import Event
from runner.util.clock import utc_now
from runner.util.redact import redacted


class JsonLines:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def handle(self, event: Event) -> None:
        line = {"event": event.name, "ts": utc_now(), "run_id": event.run_id, **event.data}
        self.stream.write(json.dumps(redacted(line), ensure_ascii=False, allow_nan=False) + "\n")
        self.stream.flush()
