"""A file or folder of this machine: nothing is fetched, and it is looked at where it lies."""

from __future__ import annotations

from pathlib import Path

from runner.domain.campaign import Model
from runner.errors import ModelMissing
from runner.models.hashes import verified


def find(model: Model, project: Path) -> Path:
    """The file or folder, verified; a relative path begins at the project. Raises ModelMissing, HashMismatch."""
    assert model.path is not None
    path = project / Path(model.path).expanduser()
    if not path.exists():
        raise ModelMissing(f"no model at {path}", hint="correct `model: {path: ...}` of the campaign")
    return verified(path.resolve(), model.sha256)
