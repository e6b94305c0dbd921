"""Sends calls to one service, and makes those again that it did not answer."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from typing import BinaryIO, TypeVar

import anyio
import httpx

from handful_client._access import authorization, trusted
from handful_client._calls import Call, Settings, answer, problem, unanswered
from handful_client._repeats import Repeats
from handful_client.errors import HandfulError

T = TypeVar("T")

CHUNK_BYTES = 1 << 16


class AsyncConnection:
    """The connections to one service."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        key: str | None,
        verify: bool | str | os.PathLike[str] | ssl.SSLContext,
        http: httpx.AsyncClient | None,
    ) -> None:
        if http is not None and verify is not True:
            raise ValueError("verify: expected none beside http; set it in that client")
        self._url = url.rstrip("/")
        self._settings = settings
        self._authorization = authorization(key, url)
        self._is_own = http is None
        self._http = httpx.AsyncClient(verify=trusted(verify)) if http is None else http

    async def aclose(self) -> None:
        """Closes the connections, unless they are those of the caller's client."""
        if self._is_own:
            await self._http.aclose()

    async def json(self, call: Call, kind: type[T]) -> T:
        """The answer of a call."""
        return answer(kind, await self._repeated(call, is_whole=True))

    async def content(self, call: Call) -> bytes:
        """The bytes of an answer that is no JSON."""
        return (await self._repeated(call, is_whole=True)).content

    async def stream(self, call: Call) -> AsyncIterator[bytes]:
        """The bytes of an answer as they arrive."""
        response = await self._repeated(call, is_whole=False)
        try:
            async for part in response.aiter_bytes():
                yield part
        except httpx.HTTPError as error:
            raise unanswered(error) from error
        finally:
            await response.aclose()

    async def _repeated(self, call: Call, is_whole: bool) -> httpx.Response:
        """An answer of success, read whole or only its head."""
        repeats = Repeats(call, self._settings.retry_seconds)
        while True:
            try:
                return await self._attempt(call, is_whole)
            except HandfulError as error:
                pause = repeats.pause(error)
                if pause is None:
                    raise repeats.last(error) from error.__cause__
            await anyio.sleep(pause)

    async def _attempt(self, call: Call, is_whole: bool) -> httpx.Response:
        response = await self._send(call)
        if not response.is_success:
            raise problem(await _read(response))
        return await _read(response) if is_whole else response

    async def _send(self, call: Call) -> httpx.Response:
        request = self._http.build_request(
            call.method,
            self._url + call.path,
            params=call.query(),
            headers=call.headers(self._settings) | self._authorization,
            json=call.json,
            content=self._content(call),
            files=call.form(),
            timeout=call.timeout(self._settings),
        )
        try:
            return await self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise unanswered(error) from error

    def _content(self, call: Call) -> bytes | AsyncIterator[bytes] | None:
        if call.upload is None:
            return call.content()
        # Not its first time, perhaps.
        call.upload.file.seek(call.upload.start)
        return _chunks(call.upload.file)


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


async def _read(response: httpx.Response) -> httpx.Response:
    try:
        await response.aread()
    except httpx.HTTPError as error:
        raise unanswered(error) from error
    finally:
        await response.aclose()
    return response
