# A task that fails and is awaited: the traceback goes through asyncio.
import asyncio


async def fail():
    await asyncio.sleep(0)
    raise ValueError("in a task")


async def main():
    await asyncio.gather(fail(), asyncio.sleep(0))


asyncio.run(main())
