"""The line of a plan that says how well four characters for a token fit the texts of a dataset."""

from __future__ import annotations

import importlib.util
import sys
from itertools import islice
from pathlib import Path

from runner.domain.campaign import Campaign
from runner.domain.load import PER_TOKEN
from runner.errors import TunebookError

SAMPLE = 200
"""Texts counted; the first ones."""
PACKAGE = "tokenizers"


def text(campaign: Campaign, project: Path) -> str | None:
    """None for a workload without a dataset, and where its file is not here."""
    file = campaign.workload.dataset
    if file is None:
        return None
    try:
        texts = _sample(campaign, project)
        counts = _counts(campaign, project, texts) if texts else None
    except (TunebookError, OSError):  # the line `not here` says what is wrong
        return None
    if not texts:
        return None
    assumed = f"texts of {file.label} count as one token for {PER_TOKEN} characters"
    if counts is None:
        return f"{assumed}; the model's own tokenizer, or the package {PACKAGE} to run it, is not here"
    each = sum(map(len, texts)) / max(1, sum(counts))
    return f"{assumed}; the model's own tokenizer takes {each:.1f} for one ({len(texts)} texts)"


def _sample(campaign: Campaign, project: Path) -> list[str]:
    from runner.inputs import places
    from runner.inputs.prepared import prepared
    from runner.loadgens._requests.recorded import RequestLines

    file = campaign.workload.dataset
    assert file is not None
    if places.place(file, project) is None:
        return []
    lines = RequestLines(prepared(file, project))
    found = (lines[number].text for number in islice(range(len(lines)), SAMPLE))
    return [one for one in found if one is not None]


def _counts(campaign: Campaign, project: Path, texts: list[str]) -> list[int] | None:
    from runner.models.tokenizer import token_counts, tokenizer_path

    folder = tokenizer_path(campaign.model, project)
    python = _python()
    return token_counts(folder, texts, python) if folder and python else None


def _python() -> str | None:
    """An interpreter that has the package: ours, or that of an installed engine."""
    from runner.engines import environments

    if importlib.util.find_spec(PACKAGE) is not None:
        return sys.executable
    return next(
        (
            str(one.python)
            for one in environments.installed()
            if one.works and any(package.startswith(f"{PACKAGE}==") for package in one.lock)
        ),
        None,
    )
