"""Jumps in compiled code that are changed while it runs: nothing in a loop tests whether something is asked for.

A *switch* is a byte of the bytecode: an argument of a jump, with one value for most of the time, and another one while it
is set. Both lead to code that the compiler has made, with the same objects on the stack. The interpreter reads the
argument each time, also in instructions that it has specialized. `jump_switches.rs` writes the bytes.

* `- -BEGIN`, at the start of the body of a `while` loop, becomes `JUMP_FORWARD over; -BEGIN`. While the switch is set, the
  jump leads to the next instruction. The jumps back to the start of the body lead past all of this, or to it.
* `for target in None @ CURRENT` asks `CURRENT` for an iterator. While the switch is set, the jumps back to `FOR_ITER` lead
  to `LOAD_CONST CURRENT`, which evaluates `iterator @ CURRENT`. Nothing calls `iter` once more.
* `if -SHORT: a else: b` becomes a jump to `b`, or to `a` while the switch is set.
"""

# Whether jumps are absolute, the instructions by name, how many cache entries follow some of them, and the jumps that
# may lead backwards, with their cache entries.
NAMES = ("load", "negative", "nop", "extended", "pop", "forward", "always", "if_false", "get_iter", "for_iter", "matmul")
OPCODES = {
    (3, 10): (True, (100, 11, 9, 144, 1, 110, 113, 114, 68, 93, 16), {}, dict.fromkeys((111, 112, 113, 114, 115, 121), 0)),
    (3, 11): (False, (100, 11, 9, 144, 1, 110, 110, 114, 68, 93, 122), {122: 1},
              dict.fromkeys((140, 173, 174, 175, 176), 0)),
    (3, 12): (False, (100, 11, 9, 144, 1, 110, 110, 114, 68, 93, 122), {122: 1}, {140: 0}),
    (3, 13): (False, (83, 42, 30, 71, 32, 79, 79, 97, 19, 72, 45), {45: 1, 40: 3, 97: 1}, {77: 1}),
    (3, 14): (False, (82, 41, 27, 69, 31, 77, 77, 100, 16, 70, 44), {44: 5, 39: 3, 100: 1}, {75: 1}),
    # Its `GET_ITER` leaves two objects, so that `for` loops are left as they are.
    (3, 15): (False, (81, 39, 25, 67, 29, 76, 76, 99, None, 68, 42), {42: 5, 37: 3, 99: 1}, {74: 1}),
}


class Opcodes:
    """The instructions of a version of Python."""

    def __init__(self, is_absolute, numbers, caches, jumps):
        self.is_absolute, self.caches, self.jumps = is_absolute, caches, jumps
        vars(self).update(zip(NAMES, numbers))


def known_opcodes():
    """Those of this Python; None if they are not known, or if its code is not where it is expected."""
    found = OPCODES.get(sys.version_info[:2])
    jit = getattr(sys, "_jit", None)
    if jit is not None and jit.is_enabled():
        # Machine code does not read the bytes.
        return None
    if found is None or not is_changeable(quiet("a = 'constant'\n", "<code>", "exec", 0, True)):
        return None
    return Opcodes(*found)


def instructions(text, opcodes):
    """Each instruction: where it begins with its `EXTENDED_ARG`s, where it is, its number and its argument. Places are
    counted in units of two bytes."""
    start, argument = 0, 0
    for unit in range(len(text) // 2):
        opcode = text[2 * unit]
        argument = argument << 8 | text[2 * unit + 1]
        if opcode != opcodes.extended:
            yield start, unit, opcode, argument
            start, argument = unit + 1, 0


class Switched:
    """Bytecode with switches. `sites` are the constants that are sites, by their number: the kind and the object."""

    def __init__(self, text, sites, opcodes):
        self.text, self.sites, self.opcodes = bytearray(text), sites, opcodes
        self.found = list(instructions(text, opcodes))
        # What sets it (None for a request, or the site of a short loop), where it is, and its two values.
        self.switches = []
        # The sites of loops whose iterations need no iterator of ours; None for those that do.
        self.direct = {}
        for start, unit, opcode, argument in self.found:
            kind, site = sites.get(argument, (None, None)) if opcode == opcodes.load else (None, None)
            if kind == BEGIN:
                self.begin(start, unit)
            elif kind == CURRENT:
                self.current(start, unit, site)
            elif kind == SHORT:
                self.short(start, unit, site)

    def opcode(self, unit):
        return self.text[2 * unit] if 2 * unit < len(self.text) else None

    def put(self, unit, opcode, argument=0):
        self.text[2 * unit:2 * unit + 2] = bytes((opcode, argument))

    def switch(self, setter, unit, quiet_value, set_value):
        self.switches.append((setter, 2 * unit + 1, quiet_value, set_value))
        self.text[2 * unit + 1] = quiet_value

    def begin(self, start, unit):
        codes, end = self.opcodes, unit + 4
        if [self.opcode(unit + n) for n in (1, 2, 3)] != [codes.negative, codes.negative, codes.pop]:
            return
        self.text[2 * start + 2:2 * unit + 6] = self.text[2 * start:2 * unit + 4]
        self.put(start, codes.forward)
        self.switch(None, start, end - start - 1, 0)
        for jump in self.jumps_to(start):
            self.redirect(jump, end, start)

    def current(self, start, unit, site):
        codes = self.opcodes
        get_iter = unit + 2 + codes.caches.get(codes.matmul, 0)
        for_iter = get_iter + 1
        while self.opcode(for_iter) == codes.extended:
            for_iter += 1
        wanted = [codes.matmul, codes.get_iter, codes.for_iter]
        if [self.opcode(place) for place in (unit + 1, get_iter, for_iter)] != wanted:
            self.direct[site.number] = None
            return
        self.put(get_iter, codes.nop)
        # That of `None @ CURRENT` at another place, as a block may have been copied, is another loop.
        jumps = self.jumps_to(get_iter + 1)
        if all(self.fits(jump, start) for jump in jumps):
            for jump in jumps:
                self.redirect(jump, get_iter + 1, start)
            self.direct.setdefault(site.number, site)
        else:
            self.direct[site.number] = None

    def short(self, start, unit, site):
        codes = self.opcodes
        place = unit + 2
        if self.opcode(place) != codes.if_false and self.opcode(place) in codes.caches:
            place += 1 + codes.caches[self.opcode(place)]
        first = place
        while self.opcode(place) == codes.extended:
            place += 1
        if [self.opcode(unit + 1), self.opcode(place)] != [codes.negative, codes.if_false]:
            return
        caches = codes.caches.get(codes.if_false, 0)
        jump = self.text[2 * first:2 * place + 2]
        jump[-2] = codes.always
        end = place + caches + 1
        for empty in range(start, end):
            self.put(empty, codes.nop)
        self.text[2 * (end - len(jump) // 2):2 * end] = jump
        self.put(start, codes.forward)
        self.switch(site.number, start, 0, end - start - 1)

    # --- the jumps backwards

    def jumps_to(self, unit):
        return [jump for jump in self.found if jump[2] in self.opcodes.jumps and self.target(jump) == unit]

    def target(self, jump):
        _, unit, opcode, argument = jump
        return argument if self.opcodes.is_absolute else unit + 1 + self.opcodes.jumps[opcode] - argument

    def argument(self, jump, target):
        _, unit, opcode, _ = jump
        return target if self.opcodes.is_absolute else unit + 1 + self.opcodes.jumps[opcode] - target

    def fits(self, jump, target):
        start, unit, _, _ = jump
        return 0 <= self.argument(jump, target) < 1 << 8 * (unit - start + 1)

    def redirect(self, jump, target, set_target):
        """Has a jump lead to `target`, and to `set_target` while the switch is set."""
        if not (self.fits(jump, target) and self.fits(jump, set_target)):
            return
        start, unit, _, _ = jump
        values = self.argument(jump, target), self.argument(jump, set_target)
        for place in range(unit, start - 1, -1):
            quiet_byte, set_byte = [value >> 8 * (unit - place) & 255 for value in values]
            if quiet_byte != set_byte:
                self.switch(None, place, quiet_byte, set_byte)
            else:
                self.text[2 * place + 1] = quiet_byte
