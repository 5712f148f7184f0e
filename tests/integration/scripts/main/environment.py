# The environment of the script and of the programs it starts.
import os
import subprocess
import sys

SHOW = "import os; print(*sorted(f'{name}={value}' for name, value in os.environ.items()), sep='\\n')"
exec(SHOW)
sys.stdout.flush()
print("--- of a child", flush=True)
subprocess.run([sys.executable, "-c", SHOW], check=True)
print(subprocess.run(["env"], capture_output=True, check=True).stdout.decode().count("\n") - len(os.environ))
