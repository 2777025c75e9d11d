"""How the peers are timed: the median of as many runs as a budget allows."""
import resource
import time


def median_ms(run, budget, least):
    """In milliseconds; after one run that touches all memory."""
    run()
    start = time.perf_counter()
    run()
    once = time.perf_counter() - start
    times = []
    for _ in range(int(max(least, min(400, budget / max(once, 1e-6))))):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1e3


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
