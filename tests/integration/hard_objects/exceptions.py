"""Exceptions with their own `__init__`, `__new__`, slots and causes; `before` describes them."""

import json, subprocess, urllib.error, io, sys
class KwOnly(Exception):
    def __init__(self, text, *, code): super().__init__(text); self.code = code
class Transform(ValueError):
    def __init__(self, code): super().__init__(f"code {code}"); self.code = code
class NoArgs(KeyError):
    def __init__(self): super().__init__("fixed", 5)
class Os(OSError):
    def __init__(self, path, why): super().__init__(2, why, path); self.why = why
class OsNew(OSError):
    def __new__(cls, path, why): self = super().__new__(cls, 2, why, path); return self
    def __init__(self, path, why): self.why = why
class OsNewOnly(OSError):
    def __new__(cls, path, why): self = super().__new__(cls, 2, why, path); self.why = why; return self
class NewOnly(Exception):
    def __new__(cls, a, *, b): self = super().__new__(cls, a); self.b = b; return self
    def __init__(self, a, *, b): pass
class Dec(UnicodeDecodeError):
    def __init__(self, where): super().__init__("utf-8", b"\xff", 0, 1, "bad " + where); self.where = where
class Stop(StopIteration):
    def __init__(self, *, v): super().__init__(v)
class Exit(SystemExit):
    def __init__(self, *, c): super().__init__(c)
class Imp(ImportError):
    def __init__(self, *, n): super().__init__("no " + n, name=n, path="/p")
class Frozen(Exception):
    def __init__(self, a, b): super().__init__(a); object.__setattr__(self, "b", b)
    def __setattr__(self, name, value): raise AttributeError("frozen")
class Getattr(Exception):
    def __init__(self, inner, extra): super().__init__(); self.inner = inner
    def __getattr__(self, name): return self.inner[name]
class Slotted(Exception): __slots__ = ("where", "unset")
class SlottedInit(Exception):
    __slots__ = ("where",)
    def __init__(self, *, where): self.where = where
class Reduced(Exception):
    def __init__(self, a, b): super().__init__(a); self.b = b
    def __reduce__(self): return (Reduced, (self.args[0], self.b))
class Syn(SyntaxError):
    def __init__(self, *, line): super().__init__("bad", ("f.py", line, 2, "x y"))
def caught(f):
    try: f()
    except BaseException as e: return e
def chain():
    try:
        try: {}["k"]
        except KeyError as e: raise ValueError("v") from e
    except ValueError: raise KwOnly("late", code=3)
def none():
    try: 1/0
    except ZeroDivisionError: raise KeyError("q") from None
def deep(n):
    if n == 0: raise ValueError(0)
    try: deep(n-1)
    except ValueError as e: raise ValueError(n) from e
errs = dict(
    kw=KwOnly("boom", code=7), tr=Transform(5), na=NoArgs(), os=Os("/x", "why"), osn=OsNew("/y", "w"), osno=OsNewOnly("/z","q"), new=NewOnly(1, b=2),
    dec=Dec("here"), stop=Stop(v=4), exit=Exit(c=9), imp=Imp(n="mod"), frozen=Frozen(1, [2]), ga=Getattr({"k": 1}, 2), red=Reduced(1, 2), syn=Syn(line=5),
    si=SlottedInit(where="w"),
    js=caught(lambda: json.loads("{")), cp=subprocess.CalledProcessError(3, ["ls"], b"out", b"err"), name=caught(lambda: undefined_name),
    attr=caught(lambda: (1).nope), uni=caught(lambda: b"\xff".decode()), fnf=caught(lambda: open("/nonexistent")), to=subprocess.TimeoutExpired("x", 5),
    http=urllib.error.HTTPError("http://x", 404, "gone", {"a": "b"}, io.BytesIO(b"body")), url=urllib.error.URLError("reason"),
    chain=caught(chain), none=caught(none), deep=caught(lambda: deep(60)), mod=caught(lambda: __import__("nope_mod")),
    keyi=caught(lambda: {}[(1,2)]), osw=caught(lambda: __import__("os").rename("/nonexist1", "/nonexist2")))
sl = Slotted("s"); sl.where = "here"; errs["sl"] = sl
loop = KwOnly("loop", code=1); loop.me = [loop]; errs["loop"] = loop
class Holder: pass
h = Holder(); h.err = KwOnly(h, code=1); errs["holder"] = h
if sys.version_info >= (3, 11):
    class Group(ExceptionGroup):
        def __new__(cls, errors, code): self = super().__new__(cls, f"exit {code}", errors); self.code = code; return self
        def __init__(self, errors, code): pass
        def derive(self, excs): return Group(excs, self.code)
    class GroupInit(ExceptionGroup):
        def __init__(self, msg, errors, *, code): self.code = code
        def __new__(cls, msg, errors, **kw): return super().__new__(cls, msg, errors)
    errs["group"] = Group([ValueError(1), KwOnly("i", code=2)], 4)
    errs["groupi"] = GroupInit("m", [ValueError(1)], code=4)
    errs["eg"] = ExceptionGroup("plain", [ValueError(1), TypeError(2)])
    n = ValueError("noted"); n.add_note("a note"); errs["note"] = n
    n2 = KwOnly("noted", code=2); n2.add_note("b"); errs["note2"] = n2
MEMBERS = ("args","code","why","b","where","value","name","path","msg","errno","strerror","filename","filename2","encoding","object","start","end","reason","lineno","offset","text",
  "n","returncode","cmd","output","stderr","timeout","pos","doc","url","status","message","exceptions","__notes__","__suppress_context__")
def describe(e, depth=0):
    if not isinstance(e, BaseException): return repr(e) if not hasattr(e, "err") else "H"
    d = object.__getattribute__
    out = [type(e).__name__]
    for m in MEMBERS:
        try: v = d(e, m)
        except AttributeError: continue
        if m == "exceptions": v = [describe(x, depth+1) for x in v]
        elif m == "args": v = [describe(x, depth+1) if isinstance(x, BaseException) else type(x).__name__ if isinstance(x, Holder) else [describe(y) for y in x] if isinstance(x, list) else repr(x) for x in v]
        out.append((m, repr(v)))
    for c in ("__cause__", "__context__"):
        v = d(e, c)
        if v is not None: out.append((c, describe(v, depth+1) if c == "__cause__" or v is not d(e, "__cause__") else "same"))
    return out
before = {k: describe(v) for k, v in errs.items()}
