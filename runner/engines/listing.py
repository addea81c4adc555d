"""What there is to install and what is installed, for people and for programs."""

from __future__ import annotations

from typing import Any

from runner.domain.units import format_duration, format_size
from runner.engines import environments, recipes
from runner.engines.environments import Environment


def as_plain() -> list[dict[str, Any]]:
    """One object for each engine that is known, and one for each leftover of an installation."""
    lines: list[dict[str, Any]] = [
        {
            "engine": one.name,
            "title": one.title,
            "about": one.about,
            "runtimes": list(one.runtimes),
            "device": one.device,
            "default_version": one.version,
            "installed_bytes": one.installed_bytes,
            "download_bytes": one.download_bytes,
            "installed": [
                {**environments.note_of(made), "folder": str(made.folder), "interpreter": str(made.python),
                 "works": made.works}
                for made in environments.installed(one.name)
            ],
        }
        for one in recipes.every()
    ]  # fmt: skip
    return lines + [{"unfinished": str(folder), "at_work": busy} for folder, busy in environments.unfinished()]


def as_text() -> str:
    lines = [f"engines in {environments.engines_folder()}", ""]
    for recipe in recipes.every():
        lines.append(f"{recipe.name:<18}{recipe.title}: {recipe.about}")
        made = environments.installed(recipe.name)
        lines += [f"{'':18}installed: {line_of(one)}" for one in made]
        if recipe.version not in [one.version for one in made]:
            size = format_size(recipe.installed_bytes)
            how = f"tunebook engine install {recipe.name}"
            lines.append(f"{'':18}to install: {recipe.version}, about {size}: {how}")
    for folder, busy in environments.unfinished():
        name, _, version = folder.name.partition("-")
        what = "is being installed" if busy else f"was left unfinished: tunebook engine remove {name}=={version}"
        lines.append(f"{folder.name:<18}{what}")
    return "\n".join(lines)


def line_of(one: Environment) -> str:
    """Version, size, Python, date and place of an installed engine."""
    line = (
        f"{one.version}, {format_size(one.bytes)}, Python {one.python_version}, "
        f"{one.installed_utc[:10]} in {format_duration(round(one.seconds))}, {one.folder}"
    )
    return line if one.works else f"{line}; its Python is gone: install it again"
