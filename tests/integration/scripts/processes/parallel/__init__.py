# A package that works in several processes.
