"""2,000,000 ints in a list, and 500,000 in a dict."""

numbers = [n * n % 2_147_483_647 for n in range(2_000_000)]
squares = {n: n * n for n in range(500_000)}

__import__("measure").run()
