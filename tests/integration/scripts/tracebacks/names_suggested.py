# Python suggests the name that was meant.
import collections
import traceback

for text in "colections", "collections.OrderDict", "printt":
    try:
        eval(text)
    except Exception:
        traceback.print_exc()
counter = collections.Counter()
print(countr)
