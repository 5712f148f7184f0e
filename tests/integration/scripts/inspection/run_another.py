# A script that runs itself again, by runpy, by exec and by import.
import runpy
import sys

print(__name__)
if __name__ == "__main__":
    runpy.run_path(__file__, run_name="by_path")
    print(sorted(runpy.run_module("run_another", run_name="by_module")))
    import run_another

    exec(compile("print(__name__)", "text", "exec"))
    print(__name__, sys.modules["__main__"] is not run_another)
