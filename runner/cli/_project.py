"""The folder that `tunebook new --project` makes: a repository of its own for campaigns and their site."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

from runner import __version__
from runner.errors import UsageError

SCHEMA = "site/campaign.schema.json"
"""For editors: the first line of a campaign points at it."""
PRESET_SCHEMA = "site/preset.schema.json"

_BY_NAME = "# By name, as yours was installed: is the index that CI asks the one that has this tunebook?"

_NAMED = 4
"""Files that a refusal names."""

_PROJECT = {
    "project/README.md": "README.md",
    "project/campaigns/README.md": "campaigns/README.md",
    "project/gitignore": ".gitignore",
    "project/mkdocs.yml": "mkdocs.yml",
    "project/requirements.txt": "requirements.txt",
    "project/site/index.md": "site/index.md",
    "project/tunebook.toml": "tunebook.toml",
}

RECIPES: Mapping[str, Mapping[str, str]] = {
    "github": {
        "github/check.yml": ".github/workflows/check.yml",
        "github/comment.yml": ".github/workflows/comment.yml",
        "github/nightly.yml": ".github/workflows/nightly.yml",
        "github/publish.yml": ".github/workflows/publish.yml",
    },
    "gitlab": {"gitlab/gitlab-ci.yml": ".gitlab-ci.yml"},
    "cron": {"cron/crontab": "crontab"},
    "systemd": {
        "systemd/tunebook.service": "systemd/tunebook.service",
        "systemd/tunebook.timer": "systemd/tunebook.timer",
    },
    "kubernetes": {
        "kubernetes/Dockerfile": "Dockerfile",
        "kubernetes/dockerignore": ".dockerignore",
        "kubernetes/tunebook.yaml": "kubernetes/tunebook.yaml",
        "github/image.yml": ".github/workflows/image.yml",
    },
    "none": {},
}
"""By the word of `--ci`: template -> path in the project. These files hold no placeholder."""


def project_files(folder: Path, extra: str | None, ci: tuple[str, ...]) -> dict[str, str]:
    """Path -> text of everything but the campaign. `extra` is the optional package that the engine needs."""
    from runner.campaign import preset_schema, schema

    title = " ".join(folder.resolve().name.split()) or "tunebook"
    words = {"@title@": title, "'@site_name@'": json.dumps(title), "@requirement@": requirement(extra)}
    texts = {target: _filled(_read(template), words) for template, target in _PROJECT.items()}
    for word in ci:
        texts |= {target: _read(template) for template, target in RECIPES[word].items()}
    return dict(sorted((texts | {SCHEMA: schema.json_schema(), PRESET_SCHEMA: preset_schema.json_schema()}).items()))


def write_project(folder: Path, texts: Mapping[str, str]) -> None:
    """Write all or nothing of what stands there already. Raises UsageError when one of the files exists."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", hint="name a new folder with --project")
    if taken := [name for name in texts if (folder / name).exists()]:
        more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
        raise UsageError(
            f"{folder} has {', '.join(taken[:_NAMED])}{more} already; nothing was written",
            hint="a project never overwrites: name another folder, or move these away first",
        )
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def requirement(extra: str | None) -> str:
    """What installs this very tunebook elsewhere: from where this one came. The bare name only when it was installed by
    its name: on an index that it did not come from, the name may be somebody else's."""
    extras = f"[{extra}]" if extra else ""
    origin = _origin()
    if origin is None:
        return f"{_BY_NAME}\ntunebook{extras}=={__version__}"
    if vcs := origin.get("vcs_info"):
        return f"tunebook{extras} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    if str(origin["url"]).startswith("https://"):
        return f"tunebook{extras} @ {origin['url']}"
    return "\n".join(_wheel_lines(f"wheels/tunebook-{__version__}-py3-none-any.whl{extras}"))


def _wheel_lines(path: str) -> Iterator[str]:
    yield "# The tunebook that made this project came from a folder or a wheel, not from an index. Put its wheel into"
    yield "# wheels/ (`python -m pip wheel --no-deps -w wheels PATH_OF_TUNEBOOK`), or name a release's address here."
    yield f"./{path}"


def _origin() -> dict[str, Any] | None:
    """How pip got this package, when not from an index: PEP 610."""
    try:
        text = distribution("tunebook").read_text("direct_url.json")
    except PackageNotFoundError:
        return {"url": "file:"}
    origin: dict[str, Any] | None = json.loads(text) if text else None
    return origin


def _read(template: str) -> str:
    return files("runner.templates").joinpath(template).read_text(encoding="utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
