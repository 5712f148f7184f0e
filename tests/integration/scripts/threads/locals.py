# Names, locals and context of threads.
import contextvars
import threading

variable = contextvars.ContextVar("variable", default="default")
local = threading.local()
local.value = "main"
print(len(contextvars.copy_context()), variable.get())
token = variable.set("changed")


def show():
    print(threading.current_thread().name, hasattr(local, "value"), variable.get())


thread = threading.Thread(target=show)
thread.start()
thread.join()
show()
contextvars.copy_context().run(lambda: variable.set("inside"))
print(variable.get(), variable.reset(token), variable.get())
