"""A TCP link that can be cut half-open: bytes vanish in both directions, no end and no reset reaches either side.

Stations dial the link, the link dials on. While it is cut, what was sent waits in the two kernels, as with lost packets
that TCP repeats; new connections are accepted and get no byte. When it is back, what waits goes on; `forget` first, and
the old connections are reset instead, as a router does that has dropped its table.
"""

import asyncio
import contextlib
from typing import Final

READ_BYTES: Final = 65_536


class Link:
    """Listens on `port` and forwards new connections to 127.0.0.1:`to_port`; both ways at once whole or cut."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self.dialled_s: list[float] = []
        """When each connection was made, by the clock of the loop."""
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on a free port. Raises `OSError`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)

    @property
    def port(self) -> int:
        """The port that stations dial."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Let all bytes vanish from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Let bytes through again."""
        self._whole.set()

    def forget(self) -> None:
        """Reset all connections that there are."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        """End the link and all its connections."""
        if self._server is not None:
            self._server.close()
        self._whole.set()
        self.forget()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.dialled_s.append(asyncio.get_running_loop().time())
        on_writer: asyncio.StreamWriter | None = None
        try:
            await self._whole.wait()
            on_reader, on_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            self._writers.add(on_writer)
            await asyncio.gather(self._pump(reader, on_writer), self._pump(on_reader, writer))
        except OSError:
            return  # refused, or reset: the other side is cut off below
        finally:
            for each in (writer, on_writer):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on what comes, in order, when the link is whole; then the end."""
        while data := await reader.read(READ_BYTES):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        await self._whole.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()
