#### names_that_hide_builtins
# dill: fine
# check: list == [1] and print == "p" and uses_list() == [1] and open == 3
list, print, open = [1], "p", 3
def uses_list(): return list

#### star_imports_and_aliases
# dill: fine
# check: sqrt(9) == 3 and m is math and np_path is os.path and join("a", "b") == "a/b"
from math import *
import math
import math as m
import os
import os.path as np_path
from os.path import join
