# A script that replaces its standard streams.
import contextlib
import io
import sys

with contextlib.redirect_stdout(io.StringIO()) as captured:
    print("captured")
print(captured.getvalue(), end="")
sys.stdout = sys.stderr
print("on standard error")
sys.stdout = io.TextIOWrapper(sys.__stdout__.buffer, encoding="utf-16", write_through=True)
print("in UTF-16")
sys.stdout = None
print("nowhere")
