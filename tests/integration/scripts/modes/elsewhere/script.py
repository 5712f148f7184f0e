# A script in another folder than the working one: it imports from its own folder.
import sys

import neighbour

print(__file__, sys.argv, sys.path[0], neighbour.__file__)
neighbour.fail()
