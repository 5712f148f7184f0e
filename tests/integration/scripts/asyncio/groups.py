# Task groups and `except*` (3.11 and later).
import asyncio


async def fail(message):
    raise ValueError(message)


async def main():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail("one"))
            group.create_task(fail("two"))
    except* ValueError as errors:
        print([str(error) for error in errors.exceptions])
    async with asyncio.TaskGroup() as group:
        group.create_task(fail("not caught"))


asyncio.run(main())
