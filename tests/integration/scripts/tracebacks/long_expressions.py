# Marks under the part of a line at fault, over several lines, with tabs and wide characters.
import traceback


def index(table, *keys):
    return table[keys[0]][
        keys[1]
    ][keys[2]]


for keys in ("a", "b", "c"), ("a", "x", "c"), ("ä", "日本", "c"):
    try:
        index({"a": {"b": {}}, "ä": {"日本": None}}, *keys)
    except Exception:
        traceback.print_exc()
日本 = {"ключ": [1, 2, 3]}; print(日本["ключ"][0] + 日本["ключ"][7] + 日本["ключ"][1])
