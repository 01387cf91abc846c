import asyncio


async def download_file(file):
    print(f"Starting download for {file}", flush=True)
    await asyncio.sleep(2)  # simulate download time
    print(f"Finished downloading {file}", flush=True)


async def main():
    files = ["file1.pdf", "file2.pdf", "file3.pdf"]
    tasks = [download_file(file) for file in files]
    await asyncio.gather(*tasks)


asyncio.run(main())
