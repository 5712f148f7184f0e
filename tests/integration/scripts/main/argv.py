# sys.argv is what follows on the command line, options of snapcli's own included.
import sys

print(sys.argv)
