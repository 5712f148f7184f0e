# Output that is only written when Python ends.
import sys

print("a line that stays in the buffer")
sys.exit(eval(sys.argv[1]))
