# No module is loaded for the script that Python would not have loaded, but for the built-in `_snapcli`.
import sys

print(*sorted(set(sys.modules) - {"_snapcli"}), sep="\n")
