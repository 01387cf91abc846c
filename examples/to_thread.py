import asyncio


def count_primes(below):
    count = 0
    for n in range(2, below):
        d = 2
        while d * d <= n and n % d != 0:
            d += 1
        count += d * d > n
    return count


async def ticker():
    while True:
        print("tick", flush=True)
        await asyncio.sleep(0.1)


async def main():
    ticking = asyncio.create_task(ticker())
    primes = await asyncio.to_thread(count_primes, 3_000_000)
    print(f"{primes} primes below 3000000", flush=True)
    ticking.cancel()


asyncio.run(main())
