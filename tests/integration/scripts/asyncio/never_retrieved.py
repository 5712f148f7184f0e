# A task that fails and whose result is never retrieved.
import asyncio


async def fail():
    raise ValueError("nobody asks")


async def main():
    asyncio.create_task(fail(), name="forgotten")
    await asyncio.sleep(0)


asyncio.run(main())
print("done")
