"""What `tunebook store merge` says of one PATH."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.store.merging import Merged


def as_plain(one: Merged) -> dict[str, Any]:
    return {
        "source": one.source,
        "form": one.form,
        "new": one.new,
        "known": one.known,
        "refused": list(one.refused),
        "at_work": one.at_work,
        "sha256": one.sha256,
        "merge_id": one.merge_id,
    }


def as_text(one: Merged, dry_run: bool) -> str:
    """A line, and one for everything that was not taken."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in one.new.items())
    would = "would be new" if dry_run else "new"
    lines = [f"{one.source}: {one.records} {would}{f' ({kinds})' if kinds else ''}, {one.known} known"]
    lines += [f"  refused: {problem}" for problem in one.refused]
    if one.at_work:
        lines.append(f"  at work there, or left by a killed run: {one.at_work}, not taken; merge again when they ended")
    return "\n".join(lines)
