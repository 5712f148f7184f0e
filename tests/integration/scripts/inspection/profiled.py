# cProfile counts the calls of a piece of the script.
import cProfile
import pstats


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


profile = cProfile.Profile()
profile.runcall(fibonacci, 10)
print(sorted((key[2], calls[:2]) for key, calls in pstats.Stats(profile).stats.items()))
