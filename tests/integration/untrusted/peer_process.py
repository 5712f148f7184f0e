"""A copy of this process in which `pickle.load` may do what it wants.

What it does with a mutated file can change a dtype of numpy for the whole process, or crash it. `differential.py`
compares its objects with ours, but must go on afterwards.
"""

import json
import os
import signal
import struct

# The seconds that one answer may take.
LONGEST = 60


class PeerProcess:
    """Calls a function with bytes in a process that is forked at the first call, and again after a crash."""

    def __init__(self, function):
        self.function = function
        self.child = None

    def ask(self, data):
        """What the function returns, which JSON can express; or a dict with the key `error`."""
        if self.child is None:
            self.start()
        self.requests.write(struct.pack("<Q", len(data)) + data)
        self.requests.flush()
        answer = self.answers.readline()
        return json.loads(answer) if answer else {"error": f"the process ended with {self.stop()}"}

    def start(self):
        requests, self.requests = (open(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb")))
        self.answers, answers = (open(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb")))
        self.child = os.fork()
        if self.child == 0:
            self.requests.close()
            self.serve(requests, answers)
        requests.close()
        answers.close()

    def serve(self, requests, answers):
        while size := requests.read(8):
            signal.alarm(LONGEST)
            told = self.function(requests.read(*struct.unpack("<Q", size)))
            signal.alarm(0)
            answers.write(json.dumps(told).encode() + b"\n")
            answers.flush()
        os._exit(0)

    def stop(self):
        """Ends the process, if there is one, and returns its exit status."""
        if self.child is None:
            return 0
        self.requests.close()
        self.answers.close()
        _, status = os.waitpid(self.child, 0)
        self.child = None
        return status
