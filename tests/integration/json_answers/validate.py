"""Prints where answers do not match the schema that the program publishes, with keys refused that it does not name.

Standard input is a JSON object: `schemas` by command, and `answers`, each with its `command`.
"""

import json
import sys

from jsonschema import Draft202012Validator


def tightened(schema):
    """The same schema, in which an object has no other properties than those that are described."""
    if isinstance(schema, list):
        return [tightened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: tightened(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        schema["additionalProperties"] = False
    return schema


def undescribed(schema, place=""):
    """The properties that the schema does not describe."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from undescribed(item, f"{place}/{number}")
    elif isinstance(schema, dict):
        for name, value in (schema.get("properties") or {}).items():
            if not value.get("description"):
                yield f"{place}/{name}"
        for key, value in schema.items():
            yield from undescribed(value, f"{place}/{key}")


def nulls(value, place=""):
    """The places of null in an answer."""
    if value is None:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from nulls(item, f"{place}/{key}")


def main():
    given = json.load(sys.stdin)
    validators = {}
    for command, schema in given["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for place in undescribed(schema):
            print(f"schema {command}: {place} has no description")
        validators[command] = Draft202012Validator(tightened(schema))
    for answer in given["answers"]:
        command, value = answer["command"], answer["answer"]
        for error in validators[command].iter_errors(value):
            # Of the kinds of answer, the one that comes closest says what is wrong.
            closest = min(error.context, key=lambda one: (one.schema_path[0] if one.schema_path else 0, len(one.path)), default=error)
            print(f"{answer['words']}: {error.message[:300]} ({closest.message[:300]} at {list(closest.path)})")
        for place in nulls(value):
            print(f"{answer['words']}: null at {place}")


main()
