# Finders, audit hooks and tracing of the script's own see its imports, and no others.
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        print("looked for", name)


sys.meta_path.insert(0, Finder())
sys.addaudithook(lambda event, arguments: event == "made.up" and print("heard", arguments))
sys.audit("made.up", 1)
try:
    import not_there_at_all
except ImportError as error:
    print(error)
sys.meta_path.pop(0)
