"""A console, and what is printed on it."""

import io

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

console = Console(width=40, record=True, file=io.StringIO())
console.print("[bold]hello[/]")
table = Table("name", "n", title="two rows")
table.add_row("nut", "1")
table.add_row("[red]bolt[/]", "22")
text = Text.from_markup("a [green]b[/] c")
style = Style.parse("bold red on blue")

CHECKS = {
    "console": "console.width, console.export_text(clear=False)",
    "table": "table.title, table.row_count, [list(column.cells) for column in table.columns]",
    "text": "text.plain, text.spans, text.markup",
    "style": "str(style), style.bold, style.color.name",
}
