# How each signal is handled before the script sets anything.
import signal

for number in sorted(signal.valid_signals()):
    handler = signal.getsignal(number)
    print(int(number), getattr(handler, "__name__", handler))
