# A coroutine that is never awaited.
async def never():
    pass


never()
kept = never()
print("done")
