"""An application."""

import typer
from typer.testing import CliRunner

app = typer.Typer()


@app.command()
def hi(name: str, times: int = 2):
    """Greets."""
    typer.echo(f"hi {name} " * times)


CHECKS = {
    "app": "len(app.registered_commands), CliRunner().invoke(app, ['bob', '--times', '3']).output",
}
