"""The IPython extension: `%load_ext snapcli` defines `%snap`. `ipython_extension.rs` calls `load` and `unload`."""

import argparse
import ast
import atexit
import fnmatch
import functools
import glob
import html
import os
import re
import shlex
import shutil
import sys
import time

import snapcli

HELP = """Save, restore and inspect the variables of this session.

    %snap save [FILE] [NAMES...]       save all variables, or those that match NAMES
    %snap restore [FILE] [NAMES...]    restore them
    %snap inspect [FILE]               show what is in a file, without loading it
    %snap auto FILE                    save after each cell that may have changed a variable
    %snap auto off                     stop that

FILE is session.pkl if it is not given; NAMES are names or patterns such as `model*`. `%snap save --help` and the like
show the options. Errors are one line. `snapcli.save` and `snapcli.restore` do the same from Python code.
"""

DEFAULT_FILE = "session.pkl"
# A session is held up for at most a tenth of the time: after one second come nine without a save.
REST = 9
# How often a save in the background is looked at while the kernel is idle, in seconds.
LOOK = 0.5
OPTIONS = {
    "compress=": "--compress ", "trust=True": "--trust", "mmap=True": "--mmap", "redact=True": "--redact", "exclude=": "--exclude ",
    "max_size=": "--max-size "
}
# What `Snap.call` is about to call, and the expression that calls it.
PENDING = None
CALL = compile(f"__import__({__name__!r}).PENDING()", "<snapcli>", "eval")


class SnapError(Exception):
    """An error that IPython shows as one line, without a traceback."""

    def _render_traceback_(self):
        return [f"snapcli: {self}"]


class HelpShown(Exception):
    """`--help` has printed everything."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise SnapError(f"%{self.prog}: {message} (see %{self.prog} --help)")

    def exit(self, status=0, message=None):
        raise HelpShown

    def format_help(self):
        return super().format_help().replace("usage: snap ", "usage: %snap ", 1)


def parsers():
    """Return the parsers of the actions."""

    def new(action, about, file_help=f"the file; {DEFAULT_FILE} by default"):
        # A percent sign would be a format in the usage.
        parser = Parser(prog=f"snap {action}", description=about)
        parser.add_argument("file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help=file_help)
        return parser

    def add_names(parser):
        parser.add_argument("names", nargs="*", metavar="NAME", help="a name or pattern: only these, and what they use")

    def add_exclude(parser):
        parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave out what matches")

    def add_save_options(parser):
        add_exclude(parser)
        parser.add_argument("--private", action="store_true", help="also save all names that begin with _")
        parser.add_argument("--redact", action="store_true", help="leave out what looks like a credential")
        parser.add_argument("--max-size", metavar="SIZE", help="leave out larger variables (500k, 20M, 2G)")
        parser.add_argument("--no-ambient", action="store_true", help="save no state of random generators and the like")
        parser.add_argument("--compress", type=int, metavar="LEVEL", help="compress FILE with zstd, level -7 to 22")

    save = new("save", "Save the variables of this session.")
    add_names(save)
    add_save_options(save)
    restore = new("restore", "Restore variables into this session.")
    add_names(restore)
    add_exclude(restore)
    restore.add_argument("--mmap", action="store_true", help="memory-map arrays")
    restore.add_argument("--trust", action="store_true", help="load a file of somebody else; this can run any code")
    restore.add_argument("--no-ambient", action="store_true", help="restore variables only")
    inspect = new("inspect", "Show what is in a file, without loading anything.")
    auto = new(
        "auto",
        "Save the session to FILE after each cell that may have changed a variable. It never saves in the middle of a "
        "cell, and an error never fails one. A process in the background does it, while the next cell runs; where that "
        "is not possible, saving takes at most a tenth of the time. What has to wait is saved when the kernel is idle, "
        "or when it ends.",
        "the file, or `off`; without it, show what is saved where",
    )
    auto.set_defaults(file=None)
    add_save_options(auto)
    auto.add_argument("--every", type=float, default=0, metavar="SECONDS", help="save at most this often")
    auto.add_argument("--restore", action="store_true", help="first restore FILE, if it exists")
    auto.add_argument("--overwrite", action="store_true", help="replace FILE, even if it is of an earlier session")
    return {"save": save, "restore": restore, "inspect": inspect, "auto": auto}


class Shown:
    """A result as text, and as HTML in a notebook."""

    def __init__(self, text, page=None):
        self.text = text
        self.page = page

    def __repr__(self):
        return self.text

    def _repr_html_(self):
        return self.page


def show(text, page=None):
    from IPython.display import display

    display(Shown(text, page))


def in_options(text):
    """The options of the magic in place of arguments of Python."""
    for argument, option in OPTIONS.items():
        text = text.replace(argument, option)
    return text.replace(" ,", ",")


def reason_of(error):
    """The message of an exception, in one line."""
    # Around that, an OSError has its number and the file.
    text = getattr(error, "strerror", None)
    text = text if isinstance(text, str) and text.startswith("cannot ") else str(error)
    return in_options(" ".join(text.split())) or type(error).__name__


def absolute(name):
    """The absolute path of a file, or of a store, with a `/` at its end. An address of object storage stays as it is."""
    path = os.path.expanduser(name)
    if "://" in path:
        return path
    return os.path.abspath(path) + ("/" if path.endswith("/") or os.path.isdir(path) else "")


def exists(path):
    """Whether there is something to restore: a file, or a snapshot in a store."""
    if "://" not in path and not path.endswith("/"):
        return os.path.exists(path)
    try:
        snapcli.inspect(path)
    except FileNotFoundError:
        return False
    return True


class Snap:
    """The magic `%snap` of one shell."""

    def __init__(self, shell, inspect_text):
        self.shell = shell
        self.inspect_text = inspect_text
        self.parsers = parsers()
        self.auto = None
        # The files that this session was saved to or restored from, which it may replace without asking.
        self.own_files = set()

    def magic(self, line=""):
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise SnapError(f"%snap: {error}") from None
        if not words or words[0] in ("help", "-h", "--help"):
            print(HELP, end="")
            return
        action, *words = words
        if action not in self.parsers:
            known = ", ".join(self.parsers)
            raise SnapError(f"%snap: there is no action {action} (use {known}, or see %snap?)")
        try:
            options = self.parsers[action].parse_intermixed_args(words)
            getattr(self, f"do_{action}")(options)
        except HelpShown:
            pass
        except (SnapError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise SnapError(reason_of(error)) from None

    magic.__doc__ = HELP

    def do_save(self, options):
        report = self.save(options, only=options.names or None)
        show(in_options(str(report)))

    def do_restore(self, options):
        path = os.path.expanduser(options.file)
        report = self.call(
            snapcli.restore, path, only=options.names or None, exclude=options.exclude or None, mmap=options.mmap,
            trust=options.trust, ambient=not options.no_ambient
        )
        self.own_files.add(absolute(path))
        show(in_options(str(report)))

    def do_inspect(self, options):
        path = os.path.expanduser(options.file)
        show(self.inspect_text(path), page_of(snapcli.inspect(path)))

    def do_auto(self, options):
        if options.file is None:
            print(self.auto.status() if self.auto else "%snap auto is off")
            return
        if self.auto:
            self.auto.stop()
            self.auto = None
        if options.file == "off":
            return
        name, path = options.file, absolute(options.file)
        # A save to a store replaces nothing.
        is_asked_for = options.restore or not (options.overwrite or path.endswith("/"))
        if path not in self.own_files and is_asked_for and exists(path):
            if options.restore:
                self.do_restore(self.parsers["restore"].parse_args([name]))
            else:
                raise SnapError(f"{name} is of an earlier session: use --restore to go on with that, or --overwrite")
        self.own_files.add(path)
        # A cell may change the working directory.
        options.file = path
        self.auto = AutoSave(self, options, name)

    def call(self, function, *arguments, **options):
        """Call a function of snapcli as a cell would, so that it works on the session of the shell."""
        global PENDING
        # A `partial` has no frame: the innermost one is that of this expression, which has the names of the session.
        PENDING = functools.partial(function, *arguments, **options)
        try:
            return eval(CALL, self.shell.user_global_ns, self.shell.user_ns)
        finally:
            PENDING = None

    def save(self, options, **settings):
        path = os.path.expanduser(options.file)
        if options.no_ambient:
            settings["ambient"] = False
        report = self.call(
            snapcli.save, path, exclude=options.exclude or None, private=options.private, redact=options.redact,
            compress=options.compress,
            max_size=options.max_size, **settings
        )
        self.own_files.add(absolute(path))
        return report

    def complete(self, shell, event):
        """Complete actions, options, files and names."""
        line = event.text_until_cursor
        words = line.split()
        # The word at the cursor is not finished.
        given = words if line[-1:].isspace() else words[:-1]
        if len(given) == 1:
            return list(self.parsers)
        parser = self.parsers.get(given[1])
        if parser is None:
            return []
        if event.symbol.startswith("-"):
            return [option for action in parser._actions for option in action.option_strings if option[:2] == "--"]
        if len([word for word in given if not word.startswith("-")]) == 2:
            start = os.path.expanduser(event.symbol)
            files = [path + "/" if os.path.isdir(path) else path for path in glob.glob(glob.escape(start) + "*")]
            found = [path for path in files if path.endswith(("/", ".pkl", ".pkl.zst"))]
            return found + (["off"] if given[1] == "auto" else [])
        if given[1] == "restore":
            return [variable["name"] for variable in snapcli.inspect(given[2])["variables"]]
        return [name for name in self.shell.user_ns if not name.startswith("_") and name not in shell.user_ns_hidden]


class AutoSave:
    """Saves the session between two cells."""

    def __init__(self, snap, options, name):
        self.snap = snap
        self.options = options
        self.name = name
        self.depth = 0
        self.pending = False
        self.timer = None
        # The save that a process in the background does.
        self.job = None
        # In `time.monotonic()`.
        self.not_before = 0.0
        self.last = None
        # The names of the variables in the last save, whether they were reset since, and whether none has come since.
        self.saved = set()
        self.is_reset = False
        self.is_empty = False
        self.told = set()
        self.process = os.getpid()
        events = snap.shell.events
        events.register("pre_run_cell", self.before_cell)
        events.register("post_run_cell", self.after_cell)
        self.is_finished = False
        self.finish_before_reset()
        # Of several functions, the one that was registered last is called first: before that of IPython.
        atexit.register(self.finish)

    def stop(self):
        events = self.snap.shell.events
        events.unregister("pre_run_cell", self.before_cell)
        events.unregister("post_run_cell", self.after_cell)
        atexit.unregister(self.finish)
        vars(self.snap.shell).pop(AT_EXIT, None)
        self.finish()

    def finish_before_reset(self):
        """Call `finish` before IPython clears the namespace: a terminal does that when its prompt ends, which is
        earlier than the functions of `atexit`."""
        shell = self.snap.shell
        at_exit = getattr(shell, AT_EXIT, None)
        if at_exit is None:
            return

        def finish_first():
            try:
                self.finish()
            finally:
                self.is_finished = True
                at_exit()

        setattr(shell, AT_EXIT, finish_first)

    def finish(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        # A forked process must not replace the file.
        if os.getpid() != self.process:
            return
        # The namespace may be empty by now.
        if self.is_finished:
            return
        self.look(wait=True)
        if self.pending:
            self.save(wait=True)

    def status(self):
        self.look()
        now = "there are changes to save" if self.pending else "a save is running" if self.job else "everything is saved"
        last = f", last at {self.last}" if self.last else ""
        return f"saving to {self.name} after each cell that may have changed a variable{last}; {now}"

    def before_cell(self, info=None, *_):
        self.depth += 1
        source = getattr(info, "raw_cell", None) or ""
        if self.depth == 1 and RESET.search(source):
            if self.pending:
                self.look(wait=True)
                self.save(wait=True)
            # The cell may go on, and use the same names again.
            self.is_reset = bool(self.saved)

    def after_cell(self, result=None, *_):
        # The cell that has turned this on did not begin with it.
        self.depth = max(0, self.depth - 1)
        # A cell within a cell.
        if self.depth:
            return
        source = getattr(getattr(result, "info", None), "raw_cell", None)
        self.pending = self.pending or may_change(source)
        self.lost_all()
        self.save_if_due()

    def save_if_due(self):
        self.look()
        wait = self.not_before - time.monotonic()
        if self.pending and wait <= 0 and self.job is None:
            self.save()
        if self.timer is None and (self.pending or self.job):
            self.start_timer(LOOK if self.job else wait)

    def start_timer(self, wait):
        # A kernel runs cells in its event loop, which calls nothing else meanwhile. At the prompt of a terminal there
        # is none: what is left is saved after the next cell, or at the end.
        import asyncio

        try:
            self.timer = asyncio.get_running_loop().call_later(wait, self.when_idle)
        except RuntimeError:
            pass

    def when_idle(self):
        self.timer = None
        # A cell that awaits something lets the loop run.
        if not self.depth:
            self.save_if_due()

    def save(self, wait=False):
        began = time.monotonic()
        self.pending = False
        if self.lost_all():
            return
        names = variables_of(self.snap.shell)
        try:
            if self.is_reset or self.saved and self.saved.isdisjoint(names):
                self.keep_old()
            self.saved, self.is_reset, self.is_empty = names, False, False
            # Neither a child process that loads everything nor waiting for the disk is cheap.
            options = argparse.Namespace(**{**vars(self.options), "exclude": self.exclude()})
            self.job = self.snap.save(options, check=False, sync=False, wait=False)
        except KeyboardInterrupt:
            self.failed("interrupted")
        except BaseException as error:
            self.failed(reason_of(error))
        else:
            self.look(wait)
        ended = time.monotonic()
        self.not_before = ended + max(self.options.every, REST * (ended - began))

    def lost_all(self):
        """Whether no variable is left of what was saved: then there is nothing to save, and much to lose."""
        if not self.saved or variables_of(self.snap.shell):
            return False
        if not self.is_empty:
            self.tell(f"no variable is left, so nothing was saved: {self.name} still has the session from before")
        self.is_reset, self.is_empty, self.pending = True, True, False
        return True

    def keep_old(self):
        """Give the file another name, before a session without any of its variables replaces it. A store keeps all."""
        path = self.options.file
        if "://" in path or path.endswith("/") or not os.path.exists(path):
            return
        kept = beside(path, "before-reset")
        passing = f"{kept}.{os.getpid()}"
        try:
            os.link(os.path.realpath(path), passing)
        except OSError:
            # Some file systems have no hard links.
            shutil.copy2(path, passing)
        os.replace(passing, kept)
        self.tell(f"the session from before the reset is now {beside(self.name, 'before-reset')}")

    def exclude(self):
        """The patterns that match a variable: those of others may come with a later cell. A dot is in those of modules."""
        names = list(self.snap.shell.user_ns)
        return [glob for glob in self.options.exclude if "." in glob or fnmatch.filter(names, glob)]

    def look(self, wait=False):
        """Take the result of the save, if it is there."""
        if self.job is None:
            return
        try:
            if not wait and not self.job.done():
                return
            report = self.job.result()
        except KeyboardInterrupt:
            self.failed("interrupted")
        except BaseException as error:
            self.failed(reason_of(error))
        else:
            self.job = None
            self.last = time.strftime("%H:%M:%S")
            lost = [f"{name} is not in it: {reason_of(lost)}" for name, lost in report.lost.items()]
            for message in lost:
                self.tell(message)
            # If an error comes back after that, it is reported again.
            self.told.intersection_update(lost)

    def failed(self, reason):
        self.job = None
        self.pending = True
        self.tell(reason)

    def tell(self, message):
        """Print a message, once."""
        if message not in self.told:
            self.told.add(message)
            print(f"snapcli: %snap auto {self.name}: {message}", file=sys.stderr)


# A line that clears the namespace.
RESET = re.compile(r"^\s*%?reset(\s+-\w+)*\s*$", re.MULTILINE)
# The method of the shell that clears the namespace.
AT_EXIT = "_atexit_once"
# Code of these alone changes nothing.
QUIET = (
    ast.Module, ast.Expr, ast.Name, ast.Attribute, ast.Constant, ast.Tuple, ast.Compare, ast.BinOp, ast.UnaryOp,
    ast.BoolOp, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context, ast.Pass,
)


def may_change(source):
    """Whether a cell may have changed a variable: whether it does more than to look at some."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, TypeError):
        # A magic.
        return True
    return not all(isinstance(node, QUIET) for node in ast.walk(tree))


def variables_of(shell):
    """The names that the user has given to something."""
    return {name for name in shell.user_ns if not name.startswith("_") and name not in shell.user_ns_hidden}


def beside(path, what):
    """The path of another snapshot beside a file: `session.what.pkl` for `session.pkl`."""
    stem, ending = os.path.splitext(path)
    if ending == ".zst":
        return f"{os.path.splitext(stem)[0]}.{what}.pkl{ending}"
    return f"{stem}.{what}.pkl"


def page_of(report):
    """Return the variables of a file as an HTML table."""
    rows = []
    for variable in report["variables"]:
        cells = [variable["name"], variable["type"], str(variable.get("shape") or variable.get("items") or "")]
        cells += [f"{variable['bytes']:,}", variable.get("preview", "")]
        rows.append("".join(f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in cells))
    for item in report["left_out"]:
        cells = [item["name"], item.get("type", ""), "", "", f"left out: {item.get('error', item['reason'])}"]
        rows.append("".join(f"<td style='text-align:left'><s>{html.escape(str(cell))}</s></td>" for cell in cells[:2])
                    + "".join(f"<td style='text-align:left'>{html.escape(str(cell))}</td>" for cell in cells[2:]))
    heads = "".join(f"<th style='text-align:left'>{head}</th>" for head in ("name", "type", "size", "bytes", "value"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    title = html.escape(f"{os.path.basename(report['path'])}: {len(report['variables'])} variables, {report['bytes']:,} bytes")
    return f"<p>{title}</p><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


# The magics of the shells that have loaded the extension.
LOADED = {}


def load(shell, inspect_text):
    snap = Snap(shell, inspect_text)
    LOADED[id(shell)] = snap
    shell.register_magic_function(snap.magic, "line", "snap")
    shell.set_hook("complete_command", snap.complete, str_key="%snap")


def unload(shell):
    snap = LOADED.pop(id(shell), None)
    if snap is not None and snap.auto:
        snap.auto.stop()
    shell.magics_manager.magics["line"].pop("snap", None)
