"""Strategies, settings, and a test."""

from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

numbers = st.lists(st.integers(0, 9), min_size=1, max_size=3)
records = st.fixed_dictionaries({"name": st.text("ab", max_size=2), "n": st.sampled_from([1, 2, 3])})
allowed = [HealthCheck.too_slow]
quick = settings(max_examples=7, deadline=None, database=None, derandomize=True, suppress_health_check=allowed)


@quick
@given(st.integers())
def test(n):
    assert n + 0 == n


CHECKS = {
    "numbers": "repr(numbers), find(numbers, lambda value: sum(value) > 5)",
    "records": "repr(records), find(records, lambda value: value['n'] > 1)",
    "quick": "quick.max_examples, quick.deadline, quick.derandomize, quick.suppress_health_check",
    "test": "test(), test.is_hypothesis_test, test.__name__",
}
