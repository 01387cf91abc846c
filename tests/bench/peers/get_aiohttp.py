# SPDX-License-Identifier: MIT
"""An HTTP client as aiohttp's users write it: one session, a task for each that asks. As client.hpp has it."""

import asyncio
import json
import resource
import sys
import time

import aiohttp

port, concurrency, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
url = f"http://127.0.0.1:{port}/hello"
answers, began, cpu_before, warm = 0, 0, 0, time.monotonic() + 0.5
said = None


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def another():
    global answers, began, cpu_before, said
    now = time.monotonic()
    if now < warm:
        return True
    if answers == 0:
        began, cpu_before = now, cpu()
    answers += 1
    if now - began < seconds:
        return True
    said = said or {"operations": answers - 1, "seconds": now - began, "cpu": cpu() - cpu_before}
    return False


async def ask(session):
    more = True
    while more:
        async with session.get(url) as response:
            assert response.status == 200 and len(await response.read()) == 13
        more = another()


async def main():
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(ask(session) for _ in range(concurrency)))


asyncio.run(main())
print(json.dumps(said))
