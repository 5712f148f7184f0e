# A script that closes the descriptors under its streams.
import os

print("lost")
os.close(1)
os.close(0)
