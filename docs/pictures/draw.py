#!/usr/bin/env python3
"""Draws the pictures of the README from the program's own output.

    python3 docs/pictures/draw.py PROGRAM PYTHON

terminal.svg is what PROGRAM (a build of snapcli) prints at a terminal. page.png is a screenshot of the page that
`inspect --html` writes, taken with headless Chromium. PYTHON needs dill, numpy, pandas and scikit-learn.
"""

import fcntl
import html
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

PICTURES = Path(__file__).resolve().parent
EXAMPLES = PICTURES.parent.parent / "examples"

COLUMNS = 114
CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 18
BACKGROUND, FOREGROUND = "#161b22", "#d5dbe3"
PROMPT = "#7ee787"
COLORS = ["#8b949e", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#d5dbe3"]

# A page of this size shows the summary, the map and the first rows of the table.
PAGE_SIZE = (1360, 1222)


def run_at_terminal(command, folder, environment):
    """Runs a command in a pseudo-terminal. Returns all that it writes there."""
    terminal, program_side = pty.openpty()
    fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=program_side, stdout=program_side, stderr=program_side
    )
    os.close(program_side)
    output = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal as an error.
            break
        if not part:
            break
        output += part
    assert process.wait() == 0, output.decode()
    return output.decode()


def lines_of(output):
    """The screen after the output, as lines of (character, style)."""
    lines, line, column, style = [], [], 0, ()
    for token in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|.|\n", output):
        if token == "\n":
            lines.append(line)
            line, column = [], 0
        elif token == "\r":
            column = 0
        elif token.endswith("m") and token.startswith("\x1b["):
            style = styled(style, token[2:-1])
        elif token.endswith("K") and token.startswith("\x1b["):
            line = line[:column] if token != "\x1b[2K" else []
        elif not token.startswith("\x1b"):
            if column == COLUMNS:  # A terminal continues in the next row.
                lines.append(line)
                line, column = [], 0
            line += [(" ", ())] * (column - len(line))
            line[column : column + 1] = [(token, style)]
            column += 1
    return lines


def styled(style, codes):
    for code in codes.split(";"):
        style = () if code in ("", "0") else style + (int(code),)
    return style


def css_of(style):
    fill, extra = FOREGROUND, ""
    for code in style:
        if 30 <= code <= 37:
            fill = COLORS[code - 30]
        elif 90 <= code <= 97:
            fill = COLORS[code - 90]
        elif code == 1:
            extra += ' font-weight="bold"'
        elif code == 2:
            extra += ' opacity="0.65"'
        elif code == 4:
            extra += ' text-decoration="underline"'
    return f'fill="{fill}"{extra}'


def runs_of(line):
    """Splits a line into (column, characters, style), without the spaces between words of different style."""
    runs = []
    for column, (character, style) in enumerate(line):
        if runs and runs[-1][2] == style and runs[-1][0] + len(runs[-1][1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + character, style)
        else:
            runs.append((column, character, style))
    for column, characters, style in runs:
        # Each stretch between wide gaps is placed by itself, so that columns align in any font.
        for word in re.finditer(r"\S+(?: \S+)*", characters):
            yield column + word.start(), word.group(), style


def svg_of(lines):
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"'
        ' font-size="14">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
    ]
    for number, line in enumerate(lines):
        y = MARGIN + number * LINE_HEIGHT + 14
        for column, characters, style in runs_of(line):
            x, length = MARGIN + column * CELL_WIDTH, len(characters) * CELL_WIDTH
            parts.append(
                f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
                f' xml:space="preserve" {css_of(style)}>{html.escape(characters)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def draw_terminal(program, environment, folder):
    shutil.copy(EXAMPLES / "quickstart.py", folder)
    screen = []
    for command in (["save", "quickstart.py"], ["restore", "-c", "warm(20)"], ["inspect"]):
        words = " ".join(f"'{word}'" if "(" in word else word for word in command)
        output = run_at_terminal([program, *command], folder, environment)
        output = output.replace(os.path.realpath(folder), "/home/ada/project")
        screen += lines_of(f"\x1b[32m$\x1b[0m \x1b[1msnapcli {words}\x1b[0m\n") + lines_of(output) + [[]]
    (PICTURES / "terminal.svg").write_text(svg_of(screen[:-1]), encoding="utf-8")


def draw_page(program, environment, folder):
    shutil.copy(EXAMPLES / "model.py", folder)
    for command in (["save", "-q", "model.py"], ["inspect", "--html", "page.html"]):
        subprocess.run([program, *command], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    page = Path(folder, "page.html")
    text = page.read_text(encoding="utf-8").replace(os.path.realpath(folder), "/home/ada/project")
    page.write_text(text, encoding="utf-8")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("skipped: page.png needs Chromium (Debian's package chromium)")
    switches = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
    switches += " --disable-background-networking --disable-component-update --disable-sync"
    width, height = PAGE_SIZE
    subprocess.run(
        [chromium, *switches.split(), f"--user-data-dir={folder}/chromium", f"--window-size={width},{height}",
         f"--screenshot={PICTURES / 'page.png'}", page.as_uri()],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, python = map(os.path.abspath, sys.argv[1:])
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as folder:
        environment = {"HOME": home, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        environment["SNAPCLI_PYTHON"] = python
        draw_terminal(program, environment, folder)
        draw_page(program, environment, folder)


if __name__ == "__main__":
    main()
