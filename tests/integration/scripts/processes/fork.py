# A forked child that runs to the end of the script: it must not save the session.
import os
import sys

ending = sys.argv[1]
print("in both", flush=True)
child = os.fork()
if child:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("child ended with", status, os.path.exists(os.environ["SNAPSHOT"]), os.listdir(os.environ["OUT"]))
else:
    print("in the child")
    if ending == "error":
        raise ValueError("in the child")
    if ending == "exit":
        sys.exit(4)
    if ending == "interrupt":
        raise KeyboardInterrupt
print("last line", flush=True)
