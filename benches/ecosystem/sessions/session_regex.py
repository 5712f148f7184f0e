"""Patterns, and a match."""

import regex

pattern = regex.compile(r"(?P<word>\p{Lu}\p{L}+)(?:,\s)?", regex.V1)
fuzzy = regex.compile(r"(?:snapshot){e<=2}")
m = pattern.search("say Hello, World")

CHECKS = {
    "pattern": "pattern.pattern, pattern.flags, pattern.findall('Ab, Cd, x')",
    "fuzzy": "fuzzy.fullmatch('snapsot').fuzzy_counts, fuzzy.fullmatch('other')",
    "m": "m.group('word'), m.span(), m.captures('word')",
}
