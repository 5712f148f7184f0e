"""Writes pickles of exceptions into the directory in sys.argv[1]: `protocol_N.pkl` and `dill.pkl` hold honest ones by
name, and each `forged_NAME.pkl` holds one that no pickler writes so."""

import argparse
import asyncio
import asyncio.exceptions
import binascii
import builtins
import concurrent.futures
import configparser
import csv
import decimal
import getopt
import gzip
import http.client
import io
import json
import os
import pathlib
import pickle
import queue
import re
import shutil
import smtplib
import sqlite3
import ssl
import statistics
import struct
import subprocess
import sys
import tarfile
import unittest
import urllib.error
import warnings
import xml.etree.ElementTree
import xml.sax
import zipfile
import zlib
import zoneinfo

import dill

warnings.simplefilter("ignore")


def raised(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except BaseException as error:
        error.__traceback__ = None
        return error
    raise AssertionError(f"{function} raised nothing")


def parsed(text, option=None):
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser.get("a", option)


def query(statement):
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a int primary key)")
    connection.execute("insert into t values (1)")
    connection.execute(statement)


def special(kind):
    """The arguments of built-in exceptions that do not take any."""
    if issubclass(kind, SyntaxError):
        return [("bad", ("f.py", 1, 2, "x =")), ("bad", ("f.py", 1, 2, "x =", 1, 3)), ("bad",), ()]
    return {
        "UnicodeDecodeError": [("utf-8", b"ab\xff", 2, 3, "invalid start byte")],
        "UnicodeEncodeError": [("ascii", "aé", 1, 2, "ordinal not in range"), ("ascii", "", 5, 9, "out of range")],
        "UnicodeTranslateError": [("aé", 1, 2, "cannot")],
        "BaseExceptionGroup": [("m", [KeyboardInterrupt(), ValueError(1)]), ("m", [ValueError(1)])],
        "ExceptionGroup": [("m", [ValueError(1), KeyError((1, 2), "x")]), ("m", (OSError(2, "no"),))],
    }.get(kind.__name__, [(), ("text",), (1, "text"), ((1, [2]), {"a": 1}), (["list"], "text", None, 4)])


def builtin_errors():
    for name, kind in vars(builtins).items():
        if not (isinstance(kind, type) and issubclass(kind, BaseException)) or name.startswith("_"):
            continue
        for number, arguments in enumerate(special(kind)):
            if issubclass(kind, OSError) and arguments and not isinstance(arguments[0], (str, int)):
                continue
            yield f"{name}_{number}", kind(*list(arguments))
    for number, arguments in enumerate(
        [(2, "no", "file"), (2, "no", b"file"), (2, "no", "a", None, "b"), (2, "no", pathlib.Path("p")), (2, "no", 3)]
    ):
        yield f"OSError_file_{number}", OSError(*arguments)
        yield f"FileNotFoundError_file_{number}", FileNotFoundError(*arguments)
    yield "BlockingIOError_written", BlockingIOError(11, "again", 7)
    yield "OSError_that_blocks", OSError(11, "again", 7)
    yield "OSError_attributes", with_attributes(OSError(2, "no", "f"), extra=[1], filename2="later")
    yield "ImportError_names", ImportError("m", name="n", path="p")
    yield "AttributeError_name", raised(lambda: object().nothing)
    yield "NameError_name", raised(lambda: undefined_name)  # noqa: F821
    yield "StopIteration_value", StopIteration([1])
    yield "SystemExit_code", SystemExit("code")
    yield "attributes", with_attributes(ValueError("x"), reason=1, start=2, message="m", exceptions=3, _private=4)
    yield "long_key", KeyError(("a", (1, 2)), [3])


def with_attributes(error, **attributes):
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def library_errors():
    yield "called_process", subprocess.CalledProcessError(1, ["ls", "-l"], b"out", b"err")
    yield "timeout", subprocess.TimeoutExpired("ls", 1.5)
    yield "subprocess", raised(subprocess.run, ["false"], check=True)
    yield "url", urllib.error.URLError("reason")
    yield "url_of_error", urllib.error.URLError(OSError(111, "refused"))
    yield "url_file", urllib.error.URLError("reason", "name")
    yield "short", urllib.error.ContentTooShortError("short", b"content")
    yield "json", raised(json.loads, '{"a": \n x}')
    yield "no_section", configparser.NoSectionError("s")
    yield "no_option", raised(parsed, "[a]\nb = 1\n", "c")
    yield "duplicate_section", raised(parsed, "[a]\n[a]\n")
    yield "duplicate_option", raised(parsed, "[a]\nb=1\nb=2\n")
    yield "no_header", raised(parsed, "b=1\n")
    yield "parsing", raised(parsed, "[a]\n=1\n")
    yield "missing_option", raised(parsed, "[a]\nb = %(c)s\n", "b")
    yield "interpolation", raised(parsed, "[a]\nb = %(c\n", "b")
    yield "depth", raised(parsed, "[a]\nb = %(b)s\n", "b")
    yield "config", configparser.Error("message")
    yield "zip", raised(zipfile.ZipFile, io.BytesIO(b"no zip"))
    yield "large_zip", zipfile.LargeZipFile("large")
    yield "tar", raised(tarfile.open, fileobj=io.BytesIO(b"no tar"))
    yield "gzip", raised(gzip.decompress, b"no gzip")
    yield "zlib", raised(zlib.decompress, b"no zlib")
    yield "struct", raised(struct.unpack, "i", b"")
    yield "binascii", raised(binascii.unhexlify, b"x")
    yield "csv", raised(lambda: list(csv.reader(["a\0\"b", '"x'], strict=True)))
    yield "pattern", raised(re.compile, "(a\n(b")
    yield "pickle", raised(pickle.loads, b"\x00")
    yield "decimal", raised(lambda: decimal.Decimal("x"))
    yield "division", raised(lambda: decimal.Decimal(1) / 0)
    yield "queue", raised(queue.Queue().get_nowait)
    yield "full", queue.Full()
    yield "sqlite", raised(query, "insert into t values (1)")
    yield "sqlite_syntax", raised(query, "nothing")
    yield "ssl", ssl.SSLError(1, "text")
    yield "certificate", with_attributes(ssl.SSLCertVerificationError(1, "text"), verify_code=18, verify_message="self")
    yield "http", http.client.IncompleteRead(b"abc", 10)
    yield "status", http.client.BadStatusLine("line")
    yield "disconnected", http.client.RemoteDisconnected("gone")
    yield "protocol", http.client.UnknownProtocol("2")
    yield "url_http", http.client.InvalidURL("bad")
    yield "cancelled", asyncio.CancelledError("x")
    yield "async_timeout", asyncio.TimeoutError()
    yield "incomplete", asyncio.IncompleteReadError(b"abc", 10)
    yield "incomplete_none", asyncio.IncompleteReadError(b"", None)
    yield "overrun", asyncio.LimitOverrunError("too long", 7)
    yield "future", concurrent.futures.CancelledError()
    yield "broken", concurrent.futures.BrokenExecutor("x")
    yield "smtp", smtplib.SMTPResponseException(550, b"no")
    yield "smtp_sender", smtplib.SMTPSenderRefused(550, b"no", "me")
    yield "smtp_recipients", smtplib.SMTPRecipientsRefused({"a@b": (550, b"no")})
    yield "smtp_gone", smtplib.SMTPServerDisconnected("gone")
    yield "argument", argparse.ArgumentError(None, "text")
    yield "argument_type", argparse.ArgumentTypeError("x")
    yield "getopt", raised(getopt.getopt, ["-x"], "a")
    yield "xml", raised(xml.etree.ElementTree.fromstring, "<a>")
    yield "sax", xml.sax.SAXException("message", ValueError(1))
    yield "unsupported", raised(io.StringIO().fileno)
    yield "same_file", shutil.SameFileError("same")
    yield "copies", shutil.Error([("a", "b", "why")])
    yield "statistics", raised(statistics.mean, [])
    yield "skip", unittest.SkipTest("why")
    yield "zone", raised(zoneinfo.ZoneInfo, "No/Zone")
    for name, error in list(others()):
        yield name, error


def others():
    """Of packages that may be installed."""
    try:
        import numpy

        yield "linalg", raised(numpy.linalg.inv, numpy.zeros((2, 2)))
        import pandas

        yield "empty", raised(pandas.read_csv, io.StringIO(""))
        from sklearn.exceptions import NotFittedError

        yield "fitted", NotFittedError("no")
    except ImportError:
        pass


class Call:
    """Pickled as a call of a class with arguments and a state."""

    def __init__(self, kind, *arguments, state=None):
        self.reduction = (kind, arguments) if state is None else (kind, arguments, state)

    def __reduce__(self):
        return self.reduction


class New:
    """Pickled as a call of the `__new__` of a class."""

    def __init__(self, kind, *arguments, state=None):
        self.parts = kind, arguments, state

    def pickled(self):
        """With NEWOBJ, for which pickle wants an instance of the class."""
        kind, arguments, state = (pickle.dumps(part, 4)[2:-1] for part in self.parts)
        # Each part has a frame and memo slots of its own.
        parts = (part[9:] if part.startswith(b"\x95") else part for part in (kind, arguments, state))
        return b"\x80\x04}\x8c\x01e" + next(parts) + next(parts) + b"\x81" + next(parts) + b"bs."


DECODE = ("utf-8", b"ab\xff", 2, 3, "invalid")
FORGED = {
    "called_process_bare": Call(subprocess.CalledProcessError, 3, ["ls"]),
    "called_process_output": Call(subprocess.CalledProcessError, 3, "ls", b"out"),
    "called_process_short": Call(subprocess.CalledProcessError, 3),
    "called_process_long": Call(subprocess.CalledProcessError, 1, 2, 3, 4, 5),
    "called_process_stdout": Call(subprocess.CalledProcessError, 1, 2, state={"stdout": b"out", "other": 1}),
    "called_process_new": New(subprocess.CalledProcessError, 1, "ls", state={"returncode": 2, "cmd": "c"}),
    "timeout_bare": Call(subprocess.TimeoutExpired, "ls", 1.5),
    "url_bare": Call(urllib.error.URLError, "reason"),
    "url_filename": Call(urllib.error.URLError, "reason", "name"),
    "url_new": New(urllib.error.URLError, "reason", state={"args": ("a",), "reason": "b", "errno": 3}),
    "short_bare": Call(urllib.error.ContentTooShortError, "short", b"x"),
    "smtp_bare": Call(smtplib.SMTPResponseException, 550, b"no"),
    "http_bare": Call(http.client.IncompleteRead, b"abc", 10),
    "status_bare": Call(http.client.BadStatusLine, ""),
    "config_bare": Call(configparser.NoSectionError, "s"),
    "pattern_bare": Call(re.error, "text", "(a\n(b", 3),
    "json_state": Call(json.JSONDecodeError, "msg", "a\nb", 3, state={"msg": "other", "extra": [1]}),
    "json_types": Call(json.JSONDecodeError, "msg", ["a"], 3),
    "os_written": Call(BlockingIOError, 11, "again", 7),
    "os_written_float": Call(BlockingIOError, 11, "again", 7.5),
    "os_written_large": Call(OSError, 11, "again", 2**70),
    "os_written_state": Call(OSError, 2, "no", state={"characters_written": 5}),
    "os_written_bad": Call(OSError, 2, "no", state={"characters_written": "x"}),
    "os_filename_state": Call(OSError, 2, "no", state={"filename": [1], "filename2": 2, "errno": "e", "strerror": 5}),
    "os_five": Call(OSError, 2, "no", "a", None, "b"),
    "os_six": Call(OSError, 2, "no", "a", None, "b", "c"),
    "os_fraction": Call(OSError, 11, "no", decimal.Decimal(1)),
    "os_hash": Call(OSError, ((1, 2), 3), "x"),
    "gaierror_file": Call(__import__("socket").gaierror, -2, "unknown", "host"),
    "decode_state": Call(UnicodeDecodeError, *DECODE, state={"reason": "other", "start": 0, "end": 1, "object": b"xyz"}),
    "decode_encoding": Call(UnicodeDecodeError, *DECODE, state={"encoding": "ascii", "extra": 1}),
    "decode_far": Call(UnicodeDecodeError, *DECODE, state={"start": 10**6, "end": 10**6 + 1}),
    "decode_negative": Call(UnicodeDecodeError, *DECODE, state={"start": -5, "end": -4}),
    "decode_object": Call(UnicodeDecodeError, *DECODE, state={"object": [1, 2]}),
    "decode_float": Call(UnicodeDecodeError, *DECODE, state={"start": 1.5}),
    "encode_state": Call(UnicodeEncodeError, "ascii", "aé", 1, 2, "no", state={"reason": "other", "object": "éé"}),
    "translate_state": Call(UnicodeTranslateError, "aé", 1, 2, "no", state={"reason": "other", "encoding": "e"}),
    "unicode_state": Call(UnicodeError, "a", state={"reason": [1], "start": "x"}),
    "stop_state": Call(StopIteration, 1, state={"value": [2]}),
    "exit_state": Call(SystemExit, 1, state={"code": 2}),
    "import_state": Call(ImportError, "m", state={"name": 1, "path": [2], "msg": 3, "name_from": 4}),
    "syntax_state": Call(SyntaxError, "m", state={"lineno": "x", "text": 5, "filename": [1], "print_file_and_line": 1}),
    "members_elsewhere": Call(ValueError, "m", state={"errno": 1, "value": 2, "lineno": 3, "reason": 4, "object": 5}),
    "args_state": Call(ValueError, "m", state={"args": (1, 2, 3)}),
    "args_list": Call(ValueError, "m", state={"args": [1]}),
    "notes_state": Call(ValueError, "m", state={"__notes__": ["a"]}),
    "tuple_state": Call(ValueError, "m", state=()),
    "suppress": Call(ValueError, "m", state={"__cause__": KeyError(1), "__suppress_context__": False}),
    "cause": Call(ValueError, "m", state={"__cause__": 5}),
}
if sys.version_info >= (3, 11):
    FORGED |= {
        "group_message": Call(ExceptionGroup, "m", [ValueError()], state={"message": "other"}),
        "group_exceptions": Call(ExceptionGroup, "m", [ValueError()], state={"exceptions": ()}),
        "group_of_base": Call(ExceptionGroup, "m", [KeyboardInterrupt()]),
        "group_of_cancelled": Call(ExceptionGroup, "m", [asyncio.CancelledError()]),
        "group_of_others": Call(ExceptionGroup, "m", [1]),
        "group_of_none": Call(ExceptionGroup, "m", []),
        "group_text": Call(ExceptionGroup, 1, [ValueError()]),
        "group_extra": Call(BaseExceptionGroup, "m", [ValueError()], state={"extra": 1, "__notes__": ["n"]}),
    }


def loads_again(error, dumps):
    """Whether pickle itself can load it: not all exceptions of the standard library are made for that."""
    pickled = dumps(error)
    try:
        pickle.loads(pickled)
    except Exception:
        return False
    # Python 3.13 keeps the lines of a file in a class of their own.
    return b"configparser\n_line" not in pickled.lower() and b"_Line\x94" not in pickled


def honest(dumps=pickle.dumps):
    # Names of builtins would not become variables.
    errors = [*builtin_errors(), *library_errors()]
    return {f"a_{name}": error for name, error in errors if loads_again(error, dumps)}


def main(folder):
    picklers = {f"protocol_{number}": lambda value, number=number: pickle.dumps(value, number) for number in range(6)}
    picklers["dill"] = dill.dumps
    for label, dumps in picklers.items():
        (pathlib.Path(folder) / f"{label}.pkl").write_bytes(dumps(honest(dumps)))
    for name, value in FORGED.items():
        pickled = value.pickled() if isinstance(value, New) else pickle.dumps({"e": value}, 4)
        (pathlib.Path(folder) / f"forged_{name}.pkl").write_bytes(pickled)


if __name__ == "__main__":
    main(sys.argv[1])
