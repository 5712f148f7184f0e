# sys.exit with the value on the command line.
import sys

print("leaving")
sys.exit(eval(sys.argv[1]))
