#### empty_cell
# seen: dill#443
# dill: fine
# check: unfinished.__closure__[0] is not None and caught(unfinished) == "NameError"
def make_unfinished():
    def inner(): return later
    if False: later = 1
    return inner
unfinished = make_unfinished()
def caught(function):
    try: return function()
    except NameError as error: return type(error).__name__

#### recursive_closure
# seen: dill#443, dill#84
# dill: fine
# check: factorial(5) == 120 and factorial.__closure__[0].cell_contents is factorial
def make_factorial():
    def fact(n): return 1 if n < 2 else n * fact(n - 1)
    return fact
factorial = make_factorial()

#### closures_that_share_a_cell
# dill: fine
# check: (increment(), increment(), current()) == (1, 2, 2)
def make_counter():
    count = 0
    def increment():
        nonlocal count
        count += 1
        return count
    def current(): return count
    return increment, current
increment, current = make_counter()

#### functions_that_call_each_other
# dill: fine
# check: is_even(10) and is_odd(7) and not is_even(7)
def is_even(n): return n == 0 or is_odd(n - 1)
def is_odd(n): return n != 0 and is_even(n - 1)

#### closures_that_call_each_other
# dill: fine
# check: ping(3) == ["ping", "pong", "ping"]
def make_game():
    def ping(n): return ["ping"] + pong(n - 1) if n else []
    def pong(n): return ["pong"] + ping(n - 1) if n else []
    return ping, pong
ping, pong = make_game()

#### function_and_class_of_each_other
# dill: fine
# check: new_account(5).copy().balance == 5 and Account.maker is new_account
class Account:
    def __init__(self, balance): self.balance = balance
    def copy(self): return new_account(self.balance)
def new_account(balance): return Account(balance)
Account.maker = staticmethod(new_account)

#### function_with_everything
# dill: fine
# check: full(1) == (1, [2], (), 3, {}) and full.note == ["n"] and full.__doc__ == "Doc." and full.__annotations__ == {"a": int, "return": tuple} and full.__kwdefaults__ == {"c": 3}
def full(a: int, b=[2], *rest, c=3, **more) -> tuple:
    "Doc."
    return a, b, rest, c, more
full.note = ["n"]

#### changing_globals_through_a_function
# dill: fine
# check: [bump(), bump(), tally][-1] == 2 + 40
tally = 40
def bump():
    global tally
    tally += 1
    return tally

#### wrapped_functions
# dill: fine
# check: hello("x") == "<hello x>" and hello.__name__ == "hello" and hello.__wrapped__("y") == "hello y"
import functools
def bracketed(function):
    @functools.wraps(function)
    def wrapper(*args): return "<" + function(*args) + ">"
    return wrapper
@bracketed
def hello(name): return "hello " + name

#### lru_cache_of_the_script
# seen: dill#443, wrapt#343
# dill: fine
# check: fib(10) == 55 and fib.cache_info().maxsize == 64 and fib.__wrapped__.__name__ == "fib"
import functools
@functools.lru_cache(maxsize=64)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
fib(5)

#### lru_cache_in_a_class
# seen: methodtools#13
# dill: fine
# check: grid.cost(3) == 9 and type(grid) is Grid
import functools
class Grid:
    @functools.lru_cache
    def cost(self, n): return n * n
grid = Grid()
grid.cost(3)

#### single_dispatch
# dill: fine
# check: show_kind(1) == "int" and show_kind("x") == "other" and show_kind([1]) == "list"
import functools
@functools.singledispatch
def show_kind(x): return "other"
@show_kind.register
def show_int(x: int): return "int"
@show_kind.register(list)
def show_list(x): return "list"

#### partials_of_bound_methods
# dill: fine
# check: add_two(3) == 5 and add_two.func.__self__ is adder and nested_partial(1) == [1, 2]
import functools
class Adder:
    def __init__(self): self.log = []
    def add(self, a, b): return a + b
adder = Adder()
add_two = functools.partial(adder.add, 2)
nested_partial = functools.partial(lambda a, b: [a, b], b=2)

#### bound_methods
# dill: fine
# check: bound() is stacker and bound.__self__ is stacker and push_one(1) is None and holder_list == [0, 1] and joined(["a", "b"]) == "a-b"
class Stacker:
    def me(self): return self
stacker = Stacker()
bound = stacker.me
holder_list = [0]
push_one = holder_list.append
joined = "-".join

#### lambdas_in_containers
# dill: fine
# check: [f(2) for f in steps] == [3, 4, 6] and dispatch["neg"](1) == -1
steps = [lambda x: x + 1, lambda x: x * 2, *(lambda x, n=n: x + n for n in [4])]
dispatch = {"neg": lambda x: -x}

#### async_and_generator_functions
# dill: fine
# check: list(count_to(3)) == [0, 1, 2] and asyncio.run(answer()) == 42 and asyncio.run(gathered()) == [0, 1]
import asyncio
def count_to(n): yield from range(n)
async def answer(): return 42
async def several():
    for n in range(2): yield n
async def gathered(): return [n async for n in several()]

#### operator_objects
# dill: fine
# check: by_name({"n": 3}) == 3 and upper("x") == "X" and deep_get.__reduce__()[0] is type(deep_get)
import operator
by_name = operator.itemgetter("n")
upper = operator.methodcaller("upper")
deep_get = operator.attrgetter("a.b", "c")

#### globals_changed_while_pickling
# dill: fine
# check: sly.n == 1 and steady == [1, 2]
class Sly:
    n = 1
    def __reduce__(self):
        globals()["made_while_pickling"] = 5
        return (Sly, ())
sly = Sly()
steady = [1, 2]

#### pickling_that_deletes_a_neighbour
# dill: fine
# check: late == ["late"] and wiper.n == 1
class Wiper:
    n = 1
    def __reduce__(self):
        globals().pop("late", None)
        return (Wiper, ())
wiper = Wiper()
late = ["late"]

#### reduce_that_raises
# dill: dump fails: ValueError
# left out: refuses: ValueError: not me
# check: friend == [1] and type(Refuses()) is Refuses
friend = [1]
class Refuses:
    def __reduce__(self): raise ValueError("not me")
refuses = Refuses()
around_refuses = {"friend": friend, "at": [refuses]}

#### reduce_that_says_nonsense
# dill: dump fails: PicklingError
# left out: nonsense: __reduce__ must return
# check: Nonsense.n == 1
class Nonsense:
    n = 1
    def __reduce__(self): return 5
nonsense = Nonsense()

#### registered_with_copyreg
# dill: fine
# check: strange.secret == 7 and type(strange) is Strange
import copyreg
class Strange:
    def __new__(cls, secret):
        made = super().__new__(cls)
        made.secret = secret
        return made
copyreg.pickle(Strange, lambda s: (Strange, (s.secret,)))
strange = Strange(7)

#### sorting_keys_and_orderings
# dill: dump fails: TypeError
# left out: reverse_key: KeyWrapper
# check: Version(2) > Version(1) and Version(1) <= Version(1)
import functools
reverse_key = functools.cmp_to_key(lambda a, b: b - a)
@functools.total_ordering
class Version:
    def __init__(self, n): self.n = n
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n

#### decorator_that_is_an_object
# dill: fine
# check: counted_call(2) == 4 and counted_call.calls >= 1 and counted_call.__name__ == "counted_call"
import functools
class Counting:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.calls = function, 0
    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)
@Counting
def counted_call(x): return x * 2

#### function_that_holds_itself
# dill: fine
# check: selfish.me is selfish and selfish() == 1 and selfish.registry["selfish"] is selfish
def selfish(): return 1
selfish.me = selfish
selfish.registry = {"selfish": selfish}

#### default_that_is_the_function
# dill: fine
# check: with_default()() == "inner"
def inner_default(): return "inner"
def with_default(f=inner_default): return f

#### methods_of_imported_classes
# dill: fine
# check: to_upper("a") == "A" and from_iso("2024-01-01").year == 2024 and dict_get({"a": 1}, "a") == 1 and make_dict("ab") == {"a": None, "b": None}
import datetime
to_upper, from_iso, dict_get, make_dict = str.upper, datetime.date.fromisoformat, dict.get, dict.fromkeys
