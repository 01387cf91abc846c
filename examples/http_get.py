import asyncio
import json
import sys

import aiohttp
from aiohttp import web


async def fetch_data(url):
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            return await response.json()


async def todo(request):
    number = int(request.match_info["number"])
    title = "delectus aut autem" if number == 1 else "quis ut nam facilis"
    return web.json_response({"userId": 1, "id": number, "title": title, "completed": False})


async def main():
    urls = sys.argv[1:]
    if not urls:  # serves two todos on loopback itself, and fetches those
        app = web.Application()
        app.router.add_get("/todos/{number}", todo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        urls = [f"http://{host}:{port}/todos/1", f"http://{host}:{port}/todos/2"]

    tasks = [fetch_data(url) for url in urls]
    results = await asyncio.gather(*tasks)

    for result in results:
        print(json.dumps(result, separators=(",", ":")), flush=True)


asyncio.run(main())
