# Modules and names that are not there, and one that imports itself.
import traceback

for text in "import nowhere.at_all", "from os import no_such_name", "import import_error_inner":
    try:
        exec(text)
    except ImportError:
        traceback.print_exc()
from import_error_inner import gone
