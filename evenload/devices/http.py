"""One device behind HTTP: JSON in and out, with a time limit, a size limit, and faults as `DeviceError`."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from evenload.devices.errors import DeviceError

MAX_BODY_BYTES = 256_000
_REMEDIES = {
    401: "the device wants a password: switch its authentication off or set the driver's headers",
    403: "its local API is switched off: switch it on in the maker's app",
    404: "the address answers but has no such path: is it this kind of device, and this generation",
}


def open_session() -> aiohttp.ClientSession:
    """Return a session without a limit over all hosts, so that one slow device never holds up another."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=2, ttl_dns_cache=60)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class HttpDevice:
    """Calls to one device. `base_url` has no slash at its end. `own_certificate`: it signed its certificate itself."""

    def __init__(
        self, session: aiohttp.ClientSession, base_url: str, timeout_s: float, *, own_certificate: bool = False
    ) -> None:
        self._session, self.base_url = session, base_url
        self._timeout_s, self._verify = timeout_s, not own_certificate

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return the decoded JSON answer of a GET; raise `DeviceError`."""
        return decode(await self._call("GET", path, params=query, headers=headers), self.base_url + path)

    async def text(self, path: str) -> str:
        """Return the answer of a GET as text; raise `DeviceError`."""
        return (await self._call("GET", path)).decode(errors="replace")

    async def put(self, path: str, body: Any) -> Any:
        """Return the decoded JSON answer of a PUT; raise `DeviceError`."""
        return decode(await self._call("PUT", path, data=msgspec.json.encode(body)), self.base_url + path)

    async def send(self, method: str, path: str, body: str | None, headers: Mapping[str, str] | None = None) -> None:
        """Send a request whose answer says nothing; raise `DeviceError` when it is refused or does not come."""
        await self._call(method, path, data=body, headers=headers)

    async def _call(self, method: str, path: str, **rest: Any) -> bytes:
        url = self.base_url + path
        limit = aiohttp.ClientTimeout(total=self._timeout_s)
        try:
            async with self._session.request(
                method, url, timeout=limit, allow_redirects=False, ssl=self._verify, **rest
            ) as answer:
                body = await _bounded(answer, url)
                status = answer.status
        except TimeoutError as fault:
            raise DeviceError("silent", url, f"no answer within {self._timeout_s:g} s", _LOOK) from fault
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise DeviceError("silent", url, f"{type(fault).__name__}: {fault}", _LOOK) from fault
        if status >= 300:
            raise DeviceError("refused", url, f"HTTP status {status}", _REMEDIES.get(status, "restart the device"))
        return body


_LOOK = "check its power, network and address"


def decode(body: bytes, where: str) -> Any:
    """Return `body` as JSON; raise `DeviceError` for anything else (NaN and infinity are not JSON)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise DeviceError("garbage", where, f"not JSON: {fault}", "is this the right device and path") from fault


async def _bounded(answer: aiohttp.ClientResponse, url: str) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_chunked(16_384):
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise DeviceError("garbage", url, f"answer longer than {MAX_BODY_BYTES} bytes", "is this the right path")
    return bytes(body)
