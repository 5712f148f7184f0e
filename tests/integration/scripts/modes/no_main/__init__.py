# A package that cannot be run, as it has no __main__.
