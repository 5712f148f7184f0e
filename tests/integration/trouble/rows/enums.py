#### enum_of_a_library
# seen: dill#548
# dill: fine
# check: method is HTTPStatus.OK and signal_name is signal.SIGINT
import signal
from http import HTTPStatus
method = HTTPStatus.OK
signal_name = signal.SIGINT
