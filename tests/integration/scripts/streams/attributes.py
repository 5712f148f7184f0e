# How the standard streams are set up when they are pipes.
import locale
import sys

for stream in sys.stdin, sys.stdout, sys.stderr:
    print(stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.isatty(), stream.closed)
    print(stream.line_buffering, stream.write_through, type(stream.buffer).__name__, stream.fileno())
print(locale.getpreferredencoding(), locale.setlocale(locale.LC_ALL), sys.flags.utf8_mode)
print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
