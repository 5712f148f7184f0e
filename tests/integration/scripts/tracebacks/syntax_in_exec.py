# A syntax error, and an error, in code that is made while the script runs.
import traceback

for text in "1 +", "def f():\nreturn", "1/0", "'\\d' + undefined":
    try:
        exec(text)
    except Exception:
        traceback.print_exc()
eval("1 +")
