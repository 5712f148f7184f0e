# asyncio.run, with tasks that wait for each other, a thread and a subprocess.
import asyncio
import sys


async def double(queue):
    while (number := await queue.get()) is not None:
        print(number * 2)


async def main():
    queue = asyncio.Queue()
    task = asyncio.create_task(double(queue))
    for number in 1, 2, None:
        await queue.put(number)
    await task
    print(await asyncio.to_thread(sum, [1, 2, 3]))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('child')", stdout=asyncio.subprocess.PIPE)
    print((await process.communicate())[0], process.returncode)
    return "result"


print(asyncio.run(main()))
