"""A memory on disk, a function cached in it, and parallel work."""

import joblib

memory = joblib.Memory("cache", verbose=0)


@memory.cache
def double(n):
    return 2 * n


double(4)
parallel = joblib.Parallel(n_jobs=1)
tasks = [joblib.delayed(double)(n) for n in range(3)]

CHECKS = {
    "memory": "type(memory).__name__, memory.cache(len)('four'), memory.location",
    "double": "double(21), type(double).__name__, double.check_call_in_cache(4)",
    "parallel": "parallel.n_jobs, parallel([joblib.delayed(abs)(n) for n in (-1, -2)])",
    "tasks": "[(type(function).__name__, function(*words), words) for function, words, _ in tasks]",
}
