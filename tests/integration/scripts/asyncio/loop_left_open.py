# A loop that is set and never closed, with a task that is still waiting.
import asyncio


async def forever():
    await asyncio.Event().wait()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
task = loop.create_task(forever(), name="waiting")
loop.call_soon(print, "called")
loop.call_soon(loop.stop)
loop.run_forever()
task._log_destroy_pending = False
print("done")
