# Standard input as bytes, read in parts.
import sys

print(sys.stdin.buffer.read(4), sys.stdin.buffer.readline(), sys.stdin.buffer.read())
