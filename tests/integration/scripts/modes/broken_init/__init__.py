# `-m` of a module in a package whose __init__ raises.
raise RuntimeError("no entry")
