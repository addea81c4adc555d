"""`tunebook serve`: look at the built site."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("serve")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The built site (default: public/ of the project).",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port (default: a free one).")
def command(out: Path | None, port: int) -> None:
    """Serve the built site on the loopback until Ctrl-C.

    The pages also open without a server; this is for a browser on the same machine that wants an address.
    """
    from report.serving import listen
    from runner.util.project import project_folder

    folder = (out or project_folder() / "public").resolve()
    with listen(folder, port) as server:
        click.echo(f"http://127.0.0.1:{server.server_address[1]}/")
        click.echo(f"serves {folder}; Ctrl-C ends", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("ended", err=True)


COMMAND: click.Command = command
