"""Commands."""

import click
from click.testing import CliRunner


@click.group()
def tool():
    """A tool."""


@tool.command()
@click.option("--count", default=2, type=click.IntRange(1, 5), help="How often.")
@click.argument("name")
def hello(count, name):
    """Greets."""
    click.echo(f"hello {name} " * count)


CHECKS = {
    "tool": "sorted(tool.commands), CliRunner().invoke(tool, ['hello', 'x']).output",
    "hello": "hello.help, [one.name for one in hello.params],"
             " CliRunner().invoke(hello, ['--count', '9', 'x']).exit_code",
}
