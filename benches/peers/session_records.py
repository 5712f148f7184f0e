"""200,000 records: dicts of str, float and list."""

records = [
    {"name": f"record {n}", "score": n / 7, "tags": [f"tag {n % 97}", n % 1000, n * 0.5]} for n in range(200_000)
]

__import__("measure").run()
