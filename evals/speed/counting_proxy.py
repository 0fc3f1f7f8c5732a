"""A proxy before a server that counts round trips and bytes at the socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Trips:
    """What passed so far, over all connections."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.count = 0
        """Requests that followed an answer."""
        self.sent = 0
        """Bytes to the server."""
        self.received = 0
        """Bytes from it."""
        self.port = 0


@asynccontextmanager
async def counting_proxy(host: str, port: int) -> AsyncIterator[Trips]:
    """Yield the counter of a proxy on a port of its own before `host` and `port`."""
    trips = Trips()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, port)
        asked = False

        async def forth() -> None:
            nonlocal asked
            while data := await reader.read(65536):
                trips.count += not asked
                trips.sent += len(data)
                asked = True
                there_writer.write(data)
                await there_writer.drain()

        async def back() -> None:
            nonlocal asked
            while data := await there_reader.read(65536):
                trips.received += len(data)
                asked = False
                writer.write(data)
                await writer.drain()

        def closed(_: object) -> None:
            there_writer.close()
            writer.close()

        for way in (asyncio.create_task(forth()), asyncio.create_task(back())):
            tasks.add(way)
            way.add_done_callback(closed)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    trips.port = server.sockets[0].getsockname()[1]
    try:
        yield trips
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
