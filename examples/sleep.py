import asyncio


async def say_hello(name):
    print(f"Hello, {name}", flush=True)
    await asyncio.sleep(2)
    print(f"Goodbye, {name}", flush=True)


asyncio.run(say_hello("Alice"))
