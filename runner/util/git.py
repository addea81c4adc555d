"""The commit a file was read at: provenance, not version control."""

from __future__ import annotations

from pathlib import Path

from runner.util.environment import for_tool
from runner.util.process import run


def commit_of(folder: Path) -> str:
    """Commit of the repository `folder` lies in, `+changes` when the tree is not clean; empty outside of git."""
    head = _git(folder, "rev-parse", "HEAD")
    return head + "+changes" if head and _git(folder, "status", "--porcelain") else head


def commit_named(folder: Path, name: str) -> str:
    """Commit of a tag, a branch or an abbreviation; empty where `folder`'s repository has none of that name."""
    return "" if name.startswith("-") else _git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def _git(folder: Path, *arguments: str) -> str:
    # Optional locks off: reading the status must never disturb somebody's rebase.
    env = for_tool(GIT_OPTIONAL_LOCKS="0")
    try:
        done = run(["git", "-C", str(folder), *arguments], timeout=10, env=env)
    except OSError:
        return ""  # no git on this machine
    return done.stdout.strip() if done.ok else ""
