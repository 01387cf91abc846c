import asyncio


def read_file(path):
    with open(path) as file:
        return file.read()


async def fetch(name):
    if name == "missing file":
        return await asyncio.to_thread(read_file, "/nonexistent/todos/1")
    if name == "bad number":
        return str(int("delectus aut autem"))
    if name == "broken promise":
        raise RuntimeError("broken promise")
    await asyncio.wait_for(asyncio.sleep(10), 0.2)  # no answer in time
    return "never reached"


async def fetch_data(name):
    try:
        return await fetch(name)
    except Exception as e:
        print(f"An error occurred: {name}: {e}", flush=True)
        return None


async def main():
    for name in ["missing file", "bad number", "broken promise", "no answer"]:
        result = await fetch_data(name)
        if result:
            print(result, flush=True)


asyncio.run(main())
