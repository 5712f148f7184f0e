# linecache knows nothing of the script before something asks for its lines.
import linecache

print([name for name in linecache.cache if name.endswith(".py")])
