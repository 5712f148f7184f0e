# os.register_at_fork functions run around a fork.
import os

os.register_at_fork(
    before=lambda: print("before", flush=True),
    after_in_parent=lambda: None,
    after_in_child=lambda: print("in the child", flush=True),
)
if os.fork() == 0:
    os._exit(0)
os.wait()
print("in the parent")
