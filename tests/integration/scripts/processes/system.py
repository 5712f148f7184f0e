# Programs started through the shell, with the script's output flushed before.
import os

print("first", flush=True)
print(os.waitstatus_to_exitcode(os.system("echo from the shell; trap; exit 3")), os.popen("echo piped").read())
