"""Ten small variables. `fixed.py` measures how long saving them takes: it is no module that the session refers to."""

import runpy

integer = 1
text = "text"
items = [1, 2, 3]
mapping = {"key": "value"}
number = 3.5
pair = (1, 2)
data = b"bytes"
nothing = None
truth = True
group = {1, 2}

runpy.run_path(__file__.replace("session_fixed", "fixed"), {"KIND": "constants and containers of them"})
