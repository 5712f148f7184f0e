"""Compiles a script so that its position is known between two steps, and the rest of it from such a position.

A *site* is where a step ends: a mark before a statement, an iteration of a loop, a call of a function of the script. In
the compiled code, objects of `snapcli` stand where a site is; they are constants of the code, so that no name of the
script leads to them. `for` loops become

    for () in SITE @ iterable:          # once, and again if the iterator was exchanged
        for target in None @ CURRENT:
            body
        else:
            continue
        break
    else:
        orelse

which costs nothing in an iteration. A `while` loop gets `- -BEGIN` at the start of its body. Inner loops have a copy as
the script has it, `if -SHORT: loop`, for those that turn out to be short. `step_jumps.py` changes the bytecode of all
three; where it does not know the instructions, a `while` loop has `if -DUE: -MARK`, and the objects answer. Only `_ast`
is imported: the script must not find modules loaded that it did not load.
"""

import _warnings
import sys
from _ast import (
    Assign, AnnAssign, BinOp, Break, Call, ClassDef, Constant, Continue, Expr, Expression, For, FunctionDef, Global, If, IfExp, Import,
    ImportFrom, Lambda, Load, MatMult, Module, Name, Nonlocal, Pass, Return, Store, Tuple, UnaryOp, USub,
    While, Attribute, AsyncFunctionDef, AST, AugAssign, Subscript, Try, With, Starred, arg, arguments, expr,
)

# Statements that have other statements in blocks, which run at most once.
COMPOUND = (If, Try, With)
BLOCKS = ("body", "orelse", "finalbody")
FunctionType = type(lambda: None)
CodeType = type((lambda: None).__code__)
CellType = type((lambda value: lambda: value)(None).__closure__[0])

ONLY_AST = 0x400
# Deeper loops are part of a step: Python allows 20 nested blocks.
MOST_LOOPS = 7
PREFIX = b"\0snapcli site "
# The name of the function that goes on, while it is compiled: none that a script can have.
RESUMED_NAME = "<resumed>"

MARK, LOOP, CALLED_LOOP, CURRENT, SHORT, RESUMED, ONCE, CALL, ENTER, CONTINUED, IS_REPLAY, NOTE, DUE, BEGIN = range(14)


class Root:
    """The module, or a function of the script."""

    def __init__(self, name, node, top=None):
        self.name, self.node, self.plain = name, node, None
        # The top-level statement that it is in.
        self.top = top


class Site:
    def __init__(self, number, kind, root, path, node):
        self.number, self.kind, self.root, self.path = number, kind, root, path
        self.line = node.lineno


class Program:
    def __init__(self, source, filename, make_site, is_old):
        self.filename, self.make_site = filename, make_site
        self.lines = source.decode("utf-8", "replace").splitlines()
        # What a tokenizer has to say is said here, as Python says it, and what the compiler has to say where the code is
        # compiled that runs.
        parse = quiet if is_old else compile
        self.tree = parse(source, filename, "exec", ONLY_AST, True)
        self.plain = quiet(self.tree, filename, "exec", 0, True)
        self.roots = {"": Root("", self.tree)}
        for stmt in self.tree.body:
            self.find_functions([stmt], "", stmt)
        self.by_name = {}
        for root in self.roots.values():
            if root.name:
                self.by_name.setdefault(root.node.name, []).append(root)
        self.by_code = {}
        self.match_code(self.plain)
        self.sites, self.numbers, self.markers = [], {}, {}
        self.opcodes = known_opcodes()
        self.compiled = {}
        self.has_loops_in = {}
        # What statements have read that assign a variable: see `step_inputs.py`.
        self.inputs = {}
        # The files that they have opened for writing: see `step_openings.py`. While statements run again, those that
        # they would overwrite.
        self.openings, self.assigned, self.guarded = {}, {}, None
        # The modules of the script: see `step_state.py`; and where it catches Ctrl-C: see `step_interrupts.py`.
        self.sources, self.catching = {}, {}
        # What scripts may set in the interpreter, as it is at the start: see `step_settings.py`.
        self.settings = settings_now()
        # The variables with descriptors of `os.open`, when they have been looked for.
        self.descriptors = None
        # What is registered with modules: see `step_registries.py` and `step_registrations.py`.
        self.imported, self.mentions, self.registering = imported_by(self.tree), {}, {}
        self.codecs, self.exits = codec_registries(), None if is_old else watch_exit_functions(self)

    # --- functions

    def find_functions(self, nodes, prefix, top):
        for child in nodes:
            if isinstance(child, (FunctionDef, AsyncFunctionDef, ClassDef)):
                name = prefix + child.name
                if type(child) is FunctionDef:
                    key, number = name, 1
                    while key in self.roots:
                        number += 1
                        key = f"{name}#{number}"
                    self.roots[key] = Root(key, child, top)
                inner = name + "." if isinstance(child, ClassDef) else name + ".<locals>."
                self.find_functions(fields(child), inner, top)
            else:
                self.find_functions(fields(child), prefix, top)

    def match_code(self, code):
        by_place = {}
        for root in self.roots.values():
            if root.name:
                by_place.setdefault((root.node.name, first_line(root.node)), []).append(root)
        waiting = [code]
        while waiting:
            for const in waiting.pop().co_consts:
                if type(const) is CodeType:
                    waiting.append(const)
                    found = by_place.get((const.co_name, const.co_firstlineno), ())
                    if len(found) == 1:
                        found[0].plain = const
        for place, found in by_place.items():
            if len(found) == 1 and found[0].plain is not None:
                self.by_code[place] = found[0]

    def root_of_code(self, code):
        if code.co_filename != self.filename:
            return None
        return self.by_code.get((code.co_name, code.co_firstlineno))

    def root_of(self, function):
        """The function definition of a function object, if its body can be taken in steps."""
        code = function.__code__
        root = self.root_of_code(code)
        if root is None or code.co_flags & GENERATOR_FLAGS:
            return None
        if root.plain.co_cellvars != code.co_cellvars or set(root.plain.co_freevars) != set(code.co_freevars):
            return None
        # `super()` takes the first argument of a frame, which a continued one may have in a cell.
        if "__class__" in code.co_freevars and code.co_varnames[:1] and code.co_varnames[0] in code.co_cellvars:
            return None
        return root

    # --- sites

    def site(self, kind, root, path, node):
        """The number of a site. The kinds of one loop have the same."""
        key = (root.name, path, kind in (MARK, BEGIN))
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.sites)
            self.sites.append(Site(number, kind, root, path, node))
        return number

    def constant(self, kind, root, path, node, place):
        number = self.site(kind, root, path, node)
        text = PREFIX + b"%d %d" % (kind, number)
        self.markers[text] = (kind, number)
        return at(Constant(value=text, kind=None), place)

    def negative(self, *site):
        constant = self.constant(*site)
        return at(UnaryOp(op=USub(), operand=constant), constant)

    def before(self, *site, value):
        constant = self.constant(*site)
        return at(BinOp(left=constant, op=MatMult(), right=value), constant)

    def with_sites(self, code):
        """Puts the objects in place of the constants."""
        consts, sites = [], {}
        for number, const in enumerate(code.co_consts):
            if type(const) is CodeType:
                const = self.with_sites(const)
            elif type(const) is bytes and const in self.markers:
                kind, site = self.markers[const]
                const = self.make_site(kind, site, self.sites[site].line)
                sites[number] = kind, const
            consts.append(const)
        new = code.replace(co_consts=tuple(consts))
        if not sites or self.opcodes is None:
            return new
        switched = Switched(code.co_code, sites, self.opcodes)
        new = new.replace(co_code=bytes(switched.text))
        for kind, site in sites.values():
            if kind in (LOOP, CALLED_LOOP, RESUMED) and switched.direct.get(site.number) is not None:
                site.go_direct()
        watch_code(new, switched.switches)
        return new

    # --- steps

    def block(self, stmts, field, root, path, marks, depth, start=0, marks_first=False):
        """The statements of a block from a number on, with their sites."""
        out = []
        for number, stmt in enumerate(stmts[start:], start):
            here = path + ((field, number),)
            if marks and (marks_first or number > start) and self.is_work(stmt):
                out.append(self.mark(root, here, stmt))
            out += self.statement(stmt, root, here, marks, depth)
        return out

    def mark(self, root, path, stmt):
        return at(Expr(value=self.negative(MARK, root, path, stmt, stmt)), stmt)

    def is_work(self, stmt):
        """Whether a statement may take so long that it is worth a step of its own."""
        if isinstance(stmt, (FunctionDef, AsyncFunctionDef, ClassDef, Import, ImportFrom, Global, Nonlocal, Pass, Break,
                             Continue)):
            return False
        if isinstance(stmt, (Assign, AnnAssign, Expr, Return)):
            return stmt.value is not None and not isinstance(stmt.value, (Constant, Name))
        return True

    def statement(self, stmt, root, path, marks, depth):
        kind = type(stmt)
        if kind is If:
            body = self.block(stmt.body, "body", root, path, marks, depth)
            orelse = self.block(stmt.orelse, "orelse", root, path, marks, depth)
            return [at(If(test=stmt.test, body=body, orelse=orelse), stmt)]
        if kind is While or kind is For and depth < MOST_LOOPS:
            made = self.loop(stmt, root, path, marks, depth)
            if depth and kind is For:
                test = self.negative(SHORT, root, path, stmt, stmt.iter)
                made = at(If(test=test, body=[stmt], orelse=[made]), stmt)
            return [made]
        if marks and kind in COMPOUND:
            return [self.with_notes(stmt, root, path)]
        noted = self.note(stmt, root, path) if marks else []
        call = self.call_in(stmt, root)
        if call is not None and (marks or self.may_be_long(call)):
            func = self.before(CALL, root, path, stmt, call.func, value=call.func)
            new = at(Call(func=func, args=call.args, keywords=call.keywords), call)
            return noted + [self.with_call(stmt, call, new)]
        return noted + [stmt]

    def note(self, stmt, root, path):
        """What notes the inputs of a statement."""
        if noted_value(stmt) is None:
            return []
        return [at(Expr(value=self.negative(NOTE, root, path, stmt, stmt)), stmt)]

    def with_notes(self, node, root, path):
        """A copy of a statement that is one step, or of a handler in it, which notes the inputs of simple statements."""
        made = replaced(node, None, None)
        for field in BLOCKS:
            noted = []
            for number, stmt in enumerate(getattr(node, field, ())):
                here = path + ((field, number),)
                noted += self.note(stmt, root, here)
                noted.append(self.with_notes(stmt, root, here) if isinstance(stmt, COMPOUND) else stmt)
            if noted:
                setattr(made, field, noted)
        if isinstance(node, Try):
            made.handlers = [self.with_notes(handler, root, path + (("handlers", number),))
                             for number, handler in enumerate(node.handlers)]
        return made

    def loop(self, stmt, root, path, marks, depth, first=None, resumed=False):
        if type(stmt) is While:
            return self.while_loop(stmt, root, path, marks, depth, first)
        body = self.block(stmt.body, "body", root, path, False, depth + 1)
        place = stmt.iter
        nothing = at(Constant(value=None, kind=None), place)
        current = at(BinOp(left=nothing, op=MatMult(), right=self.constant(CURRENT, root, path, stmt, place)), place)
        inner = self.plain_for(stmt.target, current, body, [at(Continue(), stmt)], stmt)
        if first is not None:
            empty = at(Tuple(elts=[], ctx=Store()), stmt)
            inner = self.plain_for(empty, self.negative(ONCE, root, path, stmt, place), first, [inner], stmt)
        if resumed:
            # The iterable is evaluated again only if `snapcli.replay` says that it gives the same items again.
            again = self.before(RESUMED, root, path, stmt, place, value=stmt.iter)
            iterable = at(IfExp(test=self.negative(IS_REPLAY, root, path, stmt, place), body=again,
                                orelse=self.negative(RESUMED, root, path, stmt, place)), place)
        else:
            kind = CALLED_LOOP if isinstance(stmt.iter, Call) else LOOP
            iterable = self.before(kind, root, path, stmt, place, value=stmt.iter)
        orelse = self.block(stmt.orelse, "orelse", root, path, marks, depth)
        empty = at(Tuple(elts=[], ctx=Store()), stmt)
        return self.plain_for(empty, iterable, [inner, at(Break(), stmt)], orelse, stmt)

    def while_loop(self, stmt, root, path, marks, depth, first):
        """A `while` loop whose iterations are steps. `first` is what is left of an iteration: `for () in ((),): first`,
        with the loop in the `else` block, so that `break` and `continue` do the same as in it."""
        begin, start = path + (("body", 0),), stmt.body[0]
        if self.opcodes is None:
            test = self.negative(DUE, root, path, stmt, stmt.test)
            mark = at(Expr(value=self.negative(MARK, root, begin, start, stmt.test)), stmt.test)
            body = [at(If(test=test, body=[mark], orelse=[]), stmt.test)]
        else:
            mark = self.negative(BEGIN, root, begin, start, stmt.test)
            body = [at(Expr(value=at(UnaryOp(op=USub(), operand=mark), stmt.test)), stmt.test)]
        body += self.block(stmt.body, "body", root, path, False, depth + 1)
        orelse = self.block(stmt.orelse, "orelse", root, path, marks, depth)
        made = at(While(test=stmt.test, body=body, orelse=orelse), stmt)
        if first is None:
            return made
        once = at(Tuple(elts=[at(Tuple(elts=[], ctx=Load()), stmt)], ctx=Load()), stmt)
        return self.plain_for(at(Tuple(elts=[], ctx=Store()), stmt), once, first, [made], stmt)

    def plain_for(self, target, iterable, body, orelse, place):
        return at(For(target=target, iter=iterable, body=body, orelse=orelse, type_comment=None), place)

    def call_in(self, stmt, root):
        """The call that a statement consists of: `f()`, `x = f()`, `return f()`, `sys.exit(f())`."""
        if isinstance(stmt, Return) and not root.name:
            return None
        if not isinstance(stmt, (Expr, Assign, AnnAssign, Return)) or not isinstance(stmt.value, Call):
            return None
        call = stmt.value
        if not self.is_path(call.func):
            return None
        is_single = len(call.args) == 1 and not call.keywords and isinstance(call.args[0], Call)
        if is_single and not self.is_defined(call.func) and self.is_path(call.args[0].func):
            return call.args[0] if self.is_defined(call.args[0].func) else call
        return call

    def is_defined(self, path):
        """Whether the script defines a function or method of this name."""
        name = path.id if isinstance(path, Name) else path.attr
        return name in self.by_name

    def is_path(self, node):
        while isinstance(node, Attribute):
            node = node.value
        return isinstance(node, Name)

    def may_be_long(self, call):
        """Whether the called function may have loops: a call in a loop is not worth the while otherwise."""
        if not isinstance(call.func, Name):
            return True
        return any(self.has_loops(root, ()) for root in self.by_name.get(call.func.id, ()))

    def has_loops(self, root, seen):
        if root.name in self.has_loops_in:
            return self.has_loops_in[root.name]
        if root.name in seen:
            return False
        waiting, found = list(root.node.body), False
        while waiting and not found:
            node = waiting.pop()
            if isinstance(node, (For, While)):
                found = True
            elif isinstance(node, Call) and isinstance(node.func, Name):
                others = self.by_name.get(node.func.id, ())
                found = any(self.has_loops(other, seen + (root.name,)) for other in others)
            if not isinstance(node, (FunctionDef, AsyncFunctionDef, ClassDef, Lambda)):
                waiting += fields(node)
        if not seen:
            self.has_loops_in[root.name] = found
        return found

    def with_call(self, stmt, old, new):
        """A statement with another call in place of the one that it consists of."""
        value = new
        if stmt.value is not old:
            outer = stmt.value
            value = at(Call(func=outer.func, args=[new], keywords=[]), outer)
        if isinstance(stmt, Expr):
            made = Expr(value=value)
        elif isinstance(stmt, Return):
            made = Return(value=value)
        elif isinstance(stmt, Assign):
            made = Assign(targets=stmt.targets, value=value, type_comment=None)
        else:
            made = AnnAssign(target=stmt.target, annotation=stmt.annotation, value=value, simple=stmt.simple)
        return at(made, stmt)

    # --- the whole, from the beginning

    def compile_module(self):
        """The code of the whole script."""
        root, body = self.roots[""], self.tree.body
        front = docstring_end(body)
        new = body[:front] + self.block(body, "body", root, (), True, 0, front)
        return self.with_sites(compile(Module(body=new, type_ignores=[]), self.filename, "exec", 0, True))

    def compile_function(self, root):
        """The code of a function, for a call that is taken in steps."""
        if root.name not in self.compiled:
            body = root.node.body
            front = docstring_end(body)
            cells = self.enter(root, root.plain.co_cellvars)
            new = body[:front] + cells + self.block(body, "body", root, (), True, 0, front)
            code = self.compile_with(root, self.function_like(root.node, root.node.args, new))
            self.compiled[root.name] = self.with_sites(code)
        return self.compiled[root.name]

    def enter(self, root, names):
        """Hands over the cells of the variables that inner functions share."""
        if not names:
            return []
        node = root.node
        place = node.body[0]
        values = [at(Name(id=name, ctx=Load()), place) for name in names]
        nothing = arguments(posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])
        function = at(Lambda(args=nothing, body=at(Tuple(elts=values, ctx=Load()), place)), place)
        return [at(Expr(value=self.before(ENTER, root, (), node, place, value=function)), place)]

    def function_like(self, node, args, body):
        made = FunctionDef(name=node.name, args=args, body=body or [at(Pass(), node)],
                           decorator_list=node.decorator_list, returns=node.returns, type_comment=None)
        if hasattr(node, "type_params"):
            made.type_params = node.type_params
        return at(made, node)

    def compile_with(self, root, new):
        """Compiles the top-level statement that a function is in, with another definition of it, and returns the code of
        the function. The other statements have no influence on it, but for those from the future."""
        old = root.node
        for outer in reversed(path_to(root.top, old) or []):
            old, new = outer, replaced(outer, old, new)
        front = [stmt for stmt in self.tree.body[:docstring_end(self.tree.body)] if isinstance(stmt, ImportFrom)]
        module = Module(body=front + [new], type_ignores=[])
        return self.find_code(quiet(module, self.filename, "exec", 0, True), root)

    def find_code(self, code, root):
        waiting = [code]
        place = (root.plain.co_name, root.plain.co_firstlineno)
        while waiting:
            code = waiting.pop()
            if (code.co_name, code.co_firstlineno) == place:
                return code
            waiting += [const for const in code.co_consts if type(const) is CodeType]
        raise LookupError(root.name)

    # --- the rest, from a position

    def resume(self, body, field, root, path, position, kind, marks, depth, level=0):
        """The statements that are left of a block."""
        field, number = position[level]
        if number >= len(body):
            return []
        stmt, here = body[number], path + (position[level],)
        is_last = level == len(position) - 1
        if is_last and kind == "before":
            out = self.statement(stmt, root, here, marks, depth)
        elif is_last and kind == "next":
            out = [self.loop(stmt, root, here, marks, depth, resumed=True)]
        elif is_last:
            call = self.call_in(stmt, root)
            out = [self.with_call(stmt, call, self.negative(CONTINUED, root, here, stmt, call))]
        else:
            inner = position[level + 1][0]
            is_body = isinstance(stmt, (For, While)) and inner == "body"
            rest = self.resume(getattr(stmt, inner), inner, root, here, position, kind, marks and not is_body,
                               depth + is_body, level + 1)
            out = [self.loop(stmt, root, here, marks, depth, first=rest, resumed=True)] if is_body else rest
        return out + self.block(body, field, root, path, marks, depth, number + 1, True)

    def resume_module(self, position, kind):
        root, body = self.roots[""], self.tree.body
        front = docstring_end(body)
        rest = self.resume(body, "body", root, (), position, kind, True, 0)
        if position[0][1] < front:
            new = rest
        else:
            new = body[:front] + rest
        return self.with_sites(quiet(Module(body=new, type_ignores=[]), self.filename, "exec", 0, True))

    def resume_function(self, root, position, kind, names):
        """The code of a function that goes on at a position. It takes the values of `names`, and finds the variables
        that inner functions share in cells."""
        node, cells = root.node, root.plain.co_cellvars
        declared, body = hoisted(node.body, cells)
        dead = at(If(test=at(Constant(value=False, kind=None), node), body=body, orelse=[]), node)
        rest = self.resume(node.body, "body", root, (), position, kind, True, 0)
        rest = [without_declarations(stmt, cells) for stmt in rest]
        shared = [at(Nonlocal(names=list(cells)), node)] if cells else []
        inner = self.function_like(node, plain_arguments(names, node), declared + shared + [dead] + rest)
        # The outer function must not bind a name that the function mentions: its own is global, or of an outer scope.
        inner.name = RESUMED_NAME
        inner.decorator_list, inner.returns = [], None
        if hasattr(inner, "type_params"):
            inner.type_params = []
        targets = [at(Name(id=name, ctx=Store()), node) for name in cells]
        values = [at(Assign(targets=targets, value=at(Constant(value=None, kind=None), node), type_comment=None), node)]
        outer = self.function_like(node, plain_arguments((), node), (values if cells else []) + [inner])
        code = self.compile_with(root, outer)
        code = [const for const in code.co_consts if type(const) is CodeType and const.co_name == RESUMED_NAME][0]
        code = with_qualified_names(code).replace(co_name=node.name)
        if hasattr(code, "co_qualname"):
            code = code.replace(co_qualname=root.plain.co_qualname)
        return self.with_sites(code)

    # --- calls that are taken in steps

    def stepped(self, function):
        """A function with the same code, but with sites; its definition and its code. None if that is not possible."""
        root = self.root_of(function)
        if root is None:
            return None
        code = self.compile_function(root)
        return self.function(function, code, {}), root.name, code

    def function(self, original, code, cells):
        """A function like the original one, with another code. Its variables in cells are those of the original, or
        the given ones."""
        own = dict(zip(original.__code__.co_freevars, original.__closure__ or ()))
        closure = tuple(cells[name] if name in cells else own[name] for name in code.co_freevars)
        made = FunctionType(code, original.__globals__, original.__name__, original.__defaults__, closure or None)
        made.__kwdefaults__, made.__qualname__ = original.__kwdefaults__, original.__qualname__
        made.__module__ = original.__module__
        return made

    # --- positions

    def capture(self, frame, module_code, number, kind, calls, loops):
        """The position and the local variables, as what `continued` needs. None if the frames are others.

        `calls` are the calls under way: the site, the name of the definition, the function, its cells, its code. `loops`
        are the loops under way: the number of calls around them, the site, and the state of the iterator.
        """
        saved = []
        for depth in range(len(calls), -1, -1):
            code = calls[depth - 1][4] if depth else module_code
            if frame is None or frame.f_code is not code:
                return None
            at, site = (kind, number) if depth == len(calls) else ("call", calls[depth][0])
            site = self.sites[site]
            own = [(self.sites[loop].path, state) for around, loop, state in loops if around == depth]
            if [path for path, _ in own] != loops_on(site.root.node, site.path, at):
                return None
            state = {"root": site.root.name, "path": site.path, "at": at, "line": site.line, "loops": own}
            if depth:
                _, _, function, cells, _ = calls[depth - 1]
                values, shared = local_values(frame), site.root.plain.co_cellvars
                names = [name for name in code.co_varnames if name in values and name not in shared]
                state["function"], state["cells"] = function, dict(cells)
                state["locals"] = {name: values[name] for name in names}
            saved.insert(0, state)
            frame = frame.f_back
        return saved

    def loop_state(self, depth, number):
        """The saved state of the iterator of a loop."""
        path = self.sites[number].path
        return [state for where, state in self.saved[depth]["loops"] if where == path][0]

    def continued(self, depth):
        """The function that goes on at the saved position, its arguments, and what a call under way is known by."""
        saved = self.saved[depth]
        root = self.roots[saved["root"]]
        values, cells = dict(saved["locals"]), dict(saved["cells"])
        # Python frees a local variable when its function ends.
        saved["locals"].clear()
        # The script may have been edited: a variable may be shared with inner functions now, or not any more.
        for name in root.plain.co_cellvars:
            if name not in cells:
                cells[name] = new_cell(values.pop(name)) if name in values else new_cell()
        for name in [name for name in cells if name not in root.plain.co_cellvars]:
            cell = cells.pop(name)
            if has_value(cell):
                values[name] = cell.cell_contents
        names = [name for name in root.plain.co_varnames if name in values]
        code = self.resume_function(root, saved["path"], saved["at"], names)
        function = self.function(saved["function"], code, cells)
        return function, tuple(values[name] for name in names), root.name, saved["function"], cells, code

    def progress(self, saved):
        """How many top-level statements have been completed, and how many there are."""
        return saved[0]["path"][0][1], self.count()

    def count(self):
        return len(self.tree.body)

    def resume_from(self, saved):
        """The code of the script from a saved position on."""
        self.saved = saved
        return self.resume_module(saved[0]["path"], saved[0]["at"])


def loops_on(node, path, kind):
    """The paths of the `for` loops that a position is in."""
    found = []
    for level, (field, number) in enumerate(path):
        node = getattr(node, field)[number]
        is_last = level == len(path) - 1
        if isinstance(node, For) and (kind == "next" if is_last else path[level + 1][0] == "body"):
            found.append(path[:level + 1])
    return found


def local_values(frame):
    """The local variables of a function under way. Until Python 3.12, the frame keeps a dict with their values as long as
    it runs: that is emptied, unless the script has it from `locals()`."""
    values = frame.f_locals
    if type(values) is not dict or not frame.f_code.co_flags & 1:
        return values
    found = dict(values)
    # The references are that of the frame, of the variable, and of the argument.
    if sys.getrefcount(values) <= 3:
        values.clear()
    return found


def new_cell(*value):
    """A cell with a value, or an empty one."""
    return CellType(*value)


def has_value(cell):
    try:
        cell.cell_contents
    except ValueError:
        return False
    return True
