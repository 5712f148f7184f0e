# An import leaves bytecode behind, or not; the script itself never does.
import os

import beside

print(beside.__cached__, sorted(os.listdir()), os.path.exists("__pycache__"))
