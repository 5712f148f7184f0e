# Work for other processes.
def square(number):
    return number * number
