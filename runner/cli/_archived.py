"""What `tunebook store archive` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.archive import Moved


def as_plain(done: Moved) -> dict[str, Any]:
    return {
        "archive": done.archive,
        "records": done.records,
        "files": done.files,
        "bytes": done.bytes,
        "younger": done.younger,
        "kept": dict(done.kept),
        "refused": list(done.refused),
    }


def as_text(done: Moved, older: str, dry_run: bool) -> str:
    """What moved, and a line for all that stays though it could."""
    from runner.domain.units import format_size

    would = "would move" if dry_run else "moved"
    lines = [f"{done.files} files of {done.records} attempts {would} to {done.archive}: {format_size(done.bytes)}"]
    lines += [f"  stay: {count} {why}" for why, count in sorted(done.kept.items())]
    if done.younger:
        lines.append(f"  stay: {done.younger} younger than {older}")
    lines += [f"  refused: {problem}" for problem in done.refused]
    return "\n".join(lines)
