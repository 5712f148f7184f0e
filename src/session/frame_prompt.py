"""The functions of a prompt with the frames of a crash snapshot: `frames`, `up`, `down`, `frame`.

One frame is selected at a time. Its local variables are bound in the namespace of the prompt, and hide variables of the
session with the same names; these come back when another frame is selected. All strings are escaped already.
"""

import builtins
import operator
import shutil
import sys

MISSING = object()


def wrapped(text, indent):
    """A line in parts that fit the terminal: it breaks at spaces, and a long path after a `/`."""
    width = shutil.get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else 0
    if width < 20 or len(text) < width:
        return text
    start = len(text) - len(text.lstrip(" "))
    parts, line = [], text[:start]
    for word in text[start:].split(" "):
        joined = f"{line} {word}" if line.strip() else line + word
        if len(joined) < width:
            line = joined
            continue
        if "/" in word[1:] and indent + len(word) >= width:
            # No line has room for all of it, so it begins on this one.
            line = joined[: len(joined) - len(word)]
        elif line.strip():
            parts.append(line.rstrip())
            line = " " * indent
        while len(line + word) >= width and "/" in word[1:]:
            at = word.rfind("/", 1, max(width - 1 - len(line), 1)) + 1
            if not at and line.strip():
                parts.append(line.rstrip())
                line = " " * indent
                continue
            at = at or word.index("/", 1) + 1
            parts.append(line + word[:at])
            line, word = " " * indent, word[at:]
        line += word
    return "\n".join([*parts, line])


class FrameCommand:
    """A function of the prompt. Its name alone shows the frames and how it is called."""

    def __init__(self, frames, function):
        self._frames = frames
        self._function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, *arguments):
        try:
            numbers = [operator.index(argument) for argument in arguments]
        except TypeError:
            numbers = None
        if numbers is None or len(numbers) > 1:
            print(f"{self.__name__} takes a number, 0 to {len(self._frames) - 1}")
            return
        self._function(*numbers)

    def __repr__(self):
        return f"{self._frames!r}\n{self.__name__}(): {self.__doc__}"


class Frames:
    """The frames of the traceback, the outermost first. `frames[2]` is a dict of the local variables of frame 2."""

    def __init__(self, namespace, headings, rows, local_names):
        self._namespace = namespace
        # Of each exception: a line of text.
        self._headings = headings
        # Of each frame: the number of its exception, path, line, function, source, kind, the frame with its locals.
        self._rows = rows
        self._locals = local_names
        self._current = None
        self._hidden = {}

    def __repr__(self):
        lines, last = [], None
        for number, (raised, path, line, function, source, kind, _) in enumerate(self._rows):
            if raised != last:
                lines.append(wrapped(self._headings[raised] if raised < len(self._headings) else "?", 4))
                last = raised
            mark = ">" if number == self._current else " "
            note = " (installed, no locals)" if kind == "library" else ""
            lines.append(wrapped(f"{mark} {number:>3}  {path}:{line} in {function}{note}", 11))
            if source:
                lines.append(wrapped(f"         {source}", 13))
        return "\n".join(lines)

    def __call__(self):
        print(repr(self))

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, number):
        self._keep_changes()
        return self._of(range(len(self._rows))[number])

    def _of(self, number):
        return self._locals.setdefault(self._rows[number][6], {})

    def _keep_changes(self):
        """Notes what the prompt has changed in the selected frame."""
        if self._current is None:
            return
        variables = self._of(self._current)
        for name in self._hidden:
            if name in self._namespace:
                variables[name] = self._namespace[name]
            else:
                variables.pop(name, None)

    def bind(self, number):
        """Selects a frame, and binds its local variables."""
        self._keep_changes()
        for name, value in self._hidden.items():
            if value is MISSING:
                self._namespace.pop(name, None)
            else:
                self._namespace[name] = value
        self._hidden = {}
        for name, value in self._of(number).items():
            self._hidden[name] = self._namespace.get(name, MISSING)
            self._namespace[name] = value
        self._current = number

    def show(self):
        """Prints where the selected frame is."""
        _, path, line, function, source, kind, _ = self._rows[self._current]
        print(wrapped(f"[{self._current}] {path}({line}) {function}", 4))
        if source:
            print(wrapped(f"-> {source}", 7))
        if kind == "library":
            print("   its locals are not saved: the code is installed")
        elif kind == "saved" and not self._hidden:
            print("   it has no locals")
        elif self._hidden:
            print(wrapped(f"   locals: {', '.join(self._hidden)}", 11))

    def go(self, step):
        """Selects the frame that called this one (-1), or that it called (1)."""
        number = self._current + step
        if not 0 <= number < len(self._rows) or self._rows[number][0] != self._rows[self._current][0]:
            print("this is the outermost frame" if step < 0 else "this is the innermost frame")
            return False
        self.bind(number)
        return True

    def install(self):
        """Makes the functions known to the prompt. Returns the names that variables hide, each with the expression that
        has the function."""

        def frame(number=None):
            """Select the frame with this number, bind its local variables, and print where it is."""
            if number is not None:
                if not -len(self._rows) <= number < len(self._rows):
                    print(f"there is no frame {number}: the frames are 0 to {len(self._rows) - 1}")
                    return
                self.bind(range(len(self._rows))[number])
            self.show()

        def up(count=1):
            """Select the frame that called this one."""
            moved = 0
            while moved < count and self.go(-1):
                moved += 1
            if moved:
                self.show()

        def down(count=1):
            """Select the frame that this one called."""
            moved = 0
            while moved < count and self.go(1):
                moved += 1
            if moved:
                self.show()

        functions = {"frames": self}
        functions.update((function.__name__, FrameCommand(self, function)) for function in (up, down, frame))
        for name, function in functions.items():
            # Variables come first when a name is looked up.
            setattr(builtins, name, function)
        names = set(self._namespace).union(*self._locals.values())
        hidden = [name for name in functions if name in names]
        if not hidden:
            return []
        import snapcli

        for name in hidden:
            setattr(snapcli, name, functions[name])
            setattr(builtins, f"__{name}__", functions[name])
        if "snapcli" not in names:
            builtins.snapcli = snapcli
        is_module = "snapcli" not in names or self._namespace.get("snapcli") is snapcli
        return [(name, f"snapcli.{name}" if is_module else f"__{name}__") for name in hidden]
