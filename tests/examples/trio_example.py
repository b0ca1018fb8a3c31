import trio

from gradproto_transports.trio import open_client


async def main() -> None:
    async with open_client("http://127.0.0.1:7860") as client:
        print(await client.predict("Hello", api_name="/echo"))
        async for output in await client.submit(3, api_name="/count"):
            print(output)
        with trio.move_on_after(0.1):  # leaving the scope cancels the job on the server
            await client.predict("never mind", 60, api_name="/slow")


trio.run(main)
