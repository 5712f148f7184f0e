# KeyboardInterrupt raised by the script itself ends the process as Ctrl-C does.
def stop():
    raise KeyboardInterrupt("by hand")


stop()
