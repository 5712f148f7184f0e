# A script that goes to another folder before it raises, and imports from where it was.
import os
import sys

os.chdir("/")
import traceback

import bystander

print(os.getcwd(), __file__, sys.argv, bystander.__name__)


def fail():
    traceback.print_stack()
    raise ValueError("far away")


fail()
