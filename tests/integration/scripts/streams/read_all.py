# Standard input as text, read whole.
import sys

text = sys.stdin.read()
print(len(text), text.split(), sys.stdin.read() == "", sys.stdin.closed, sys.stdin.fileno())
