import asyncio

import aiohttp
from aiohttp import web


async def fetch(url):
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            response.raise_for_status()
            return await response.json(content_type=None)


async def fetch_data(url):
    try:
        return await asyncio.wait_for(fetch(url), 0.2)
    except Exception as e:
        print(f"An error occurred: {url}: {e}", flush=True)
        return None


async def text(request):
    return web.Response(text="delectus aut autem")


async def silent(request):
    await asyncio.sleep(3600)


async def main():
    app = web.Application()
    app.router.add_get("/text", text)
    app.router.add_get("/silent", silent)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    closed = await asyncio.start_server(text, "127.0.0.1", 0)
    addresses = [closed.sockets[0].getsockname(), runner.addresses[0]]
    refused, host = [f"http://{host}:{port}" for host, port in addresses]
    closed.close()

    for url in [refused, f"{host}/missing", f"{host}/text", f"{host}/silent"]:
        result = await fetch_data(url)
        if result:
            print(result, flush=True)


asyncio.run(main())
