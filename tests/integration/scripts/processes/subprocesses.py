# sys.executable is a Python that the script can start.
import subprocess
import sys

code = "import sys; print(sys.executable, sys.prefix, sys.argv, sys.flags, sys.path); sys.exit(3)"
done = subprocess.run([sys.executable, "-c", code, "argument"], stdout=subprocess.PIPE, text=True)
print(done.returncode, done.stdout)
done = subprocess.run([sys.executable, __file__ + ".not"], stderr=subprocess.PIPE, text=True)
print(done.returncode, done.stderr)
