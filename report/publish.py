"""What may leave the machine. Numbers may; a text column may only when it is named here, treated as it says.

Hosts become host-1, host-2, ... in the order in which they first appear; absolute paths become `<path>`; addresses
other than the loopback become `<address>`; secrets are hidden even with `--private`, which shows everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from runner.util.aliases import Aliases
from runner.util.redact import redact


class Treat(StrEnum):
    WORD = "word"  # one of our own words, or an id: as it is
    TEXT = "text"  # written by a person, an engine or a machine: filtered
    HOST = "host"  # the name of a machine: its alias
    PRIVATE = "private"  # only with --private


# fmt: off
_WORDS = (
    "attempt_id", "basis", "campaign_id", "cause", "client", "client_version", "comparison_id",
    "confirm_client", "currency", "deploy",
    "end_reason", "engine", "engine_version", "fingerprint", "git_commit", "goal", "host_id", "image_digest", "kind",
    "load_kind", "metric", "objective", "objective_at", "outcome", "phase", "python",
    "foreign_id", "form", "format", "prompts_id", "reference_attempt", "rejection_id", "retraction_id", "token_unit",
    "best_attempt", "best_basis", "best_client", "best_runtime",
    "declared_json", "levels_json", "limits_json", "measured", "spent", "told",
    "near_cause", "near_phase", "purpose", "role", "rules_id", "run_id", "runtime", "runtimes", "sampler", "scenario",
    "search_key", "slo", "stat", "state", "status",
    "trial_a", "trial_b", "trial_id", "tunebook_version", "unit", "verdict", "version_sha256", "which", "workload_key",
)
_TEXTS = (
    "best_entry", "best_launch", "best_params_json", "campaign", "campaign_name", "campaign_names", "campaign_text",
    "counters_json", "cpu_model", "cuda", "description", "driver", "engine_build", "entry", "entry_a", "entry_b",
    "env_json", "evidence", "flags_json", "gpu", "gpu_uuids", "hardware", "hint", "hub_id", "image", "kernel", "launch",
    "message", "model", "model_revision", "name", "near_entry", "near_evidence", "near_hint", "near_params_json",
    "os", "params_json", "pass_env", "path", "reason", "reference", "rule", "rules_json", "setting", "shm_size",
    "signal", "tool", "tool_version", "published_as", "published_unit", "unread", "missing", "warnings", "architecture",
    "dtypes_json", "quantization", "parameter", "label",
)
# fmt: on
COLUMNS: dict[str, Treat] = {
    **dict.fromkeys(_WORDS, Treat.WORD),
    **dict.fromkeys(_TEXTS, Treat.TEXT),
    "host": Treat.HOST,
    "boot_id": Treat.PRIVATE,
    "said": Treat.PRIVATE,  # the name of a file, as somebody typed it
    "by": Treat.TEXT,  # only what somebody wrote after `retract --by`, to be shown
    "gpus_json": Treat.PRIVATE,
    "launch_json": Treat.PRIVATE,
    "engine_settings_json": Treat.PRIVATE,
    "campaign_json": Treat.PRIVATE,
}
"""Text column -> what is done to it. A text column that is not here does not leave."""


_REMEMBERED = 10_000
"""Texts whose filtered form is kept."""


class Publisher:
    """Applies the rules above to values. `hosts` are the host names of the store, in order of first appearance."""

    def __init__(self, hosts: Sequence[str], *, private: bool = False) -> None:
        self.private = private
        self.aliases = Aliases(hosts)
        self._said: dict[str, str] = {}
        self._plain: dict[str, Any] = {}

    def allows(self, column: str) -> bool:
        treat = COLUMNS.get(column)
        return treat is not None and (self.private or treat is not Treat.PRIVATE)

    def host(self, name: str) -> str:
        return name if self.private else self.aliases.host(name)

    def text(self, text: str) -> str:
        """`text` without secrets and, unless private, without host names, addresses and absolute paths."""
        # The names of models and entries stand in every row, and parameters in those of several queries.
        said = self._said.get(text)
        if said is None:
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            said = self._said[text] = redact(text) if self.private else self.aliases.text(text)
        return said

    def plain(self, text: str) -> Any:
        """What the JSON `text` holds, as it may leave. Not to be changed: flags and environments are those of many
        attempts, and each is looked through once."""
        if text not in self._plain:
            if len(self._plain) >= _REMEMBERED:
                self._plain.clear()
            self._plain[text] = json.loads(self.text(text)) if self.private else self._filtered(json.loads(text))
        return self._plain[text]

    def _filtered(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self._filtered(one) for key, one in value.items()}
        return [self._filtered(one) for one in value] if isinstance(value, list) else value

    def value(self, column: str, value: Any) -> Any:
        """`value` as it may leave. The column must be allowed."""
        if isinstance(value, str):
            treat = COLUMNS[column]
            if treat is Treat.HOST:
                return self.host(value)
            return value if treat is Treat.WORD else self.text(value)
        if isinstance(value, list):
            return [self.value(column, one) for one in value]
        return value

    def rows(self, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Rows of a query as dictionaries. `columns` maps name to SQL type."""
        names = list(columns)
        texts = {name for name, kind in columns.items() if is_text(kind)}
        refused = sorted(name for name in texts if not self.allows(name))
        if refused:
            raise ValueError(f"text columns that may not leave: {', '.join(refused)} (the allow-list is in {__name__})")
        made = [dict(zip(names, row, strict=True)) for row in rows]
        for name in names:
            treat = COLUMNS[name] if name in texts else Treat.WORD
            if treat is Treat.WORD:
                continue
            treated = self.host if treat is Treat.HOST else self.text
            for row in made:
                value = row[name]
                if value is not None:
                    row[name] = treated(value) if value.__class__ is str else self.value(name, value)
        return made


def is_text(sql_type: str) -> bool:
    """Whether a column of this SQL type can hold words."""
    return sql_type.startswith(("VARCHAR", "JSON", "VARIANT", "ENUM", "BLOB", "STRUCT", "MAP"))
