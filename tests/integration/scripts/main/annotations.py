# Annotations and __future__ statements at module level are the script's alone.
from __future__ import annotations

count: int = 3
name: NotDefinedAnywhere
print(__annotations__)


def function(argument: AlsoNotDefined) -> None: ...


print(function.__annotations__, compile("x: int", "text", "exec").co_flags)
