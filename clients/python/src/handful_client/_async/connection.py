"""Sends calls to one service, and makes those again that it was too busy for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import BinaryIO, TypeVar

import anyio
import httpx

from handful_client._calls import Call, Settings, answer, problem, unanswered

T = TypeVar("T")

CHUNK_BYTES = 1 << 16


class AsyncConnection:
    """The connections to one service."""

    def __init__(self, url: str, settings: Settings, http: httpx.AsyncClient | None) -> None:
        self._url = url.rstrip("/")
        self._settings = settings
        self._is_own = http is None
        self._http = httpx.AsyncClient() if http is None else http

    async def aclose(self) -> None:
        """Closes the connections, unless they are those of the caller's client."""
        if self._is_own:
            await self._http.aclose()

    async def json(self, call: Call, kind: type[T]) -> T:
        """The answer of a call."""
        return answer(kind, await self._whole(call))

    async def content(self, call: Call) -> bytes:
        """The bytes of an answer that is no JSON."""
        return (await self._whole(call)).content

    async def stream(self, call: Call) -> AsyncIterator[bytes]:
        """The bytes of an answer as they arrive."""
        response = await self._open(call)
        try:
            async for part in response.aiter_bytes():
                yield part
        except httpx.HTTPError as error:
            raise unanswered(error) from error
        finally:
            await response.aclose()

    async def _whole(self, call: Call) -> httpx.Response:
        response = await self._open(call)
        return await _read(response)

    async def _open(self, call: Call) -> httpx.Response:
        """An answer of success, of which only the head was read."""
        left = self._settings.retry_seconds
        while True:
            response = await self._send(call)
            if response.is_success:
                return response
            error = problem(await _read(response))
            pause = call.pause(error, left)
            if pause is None:
                raise error
            left -= pause
            await anyio.sleep(pause)

    async def _send(self, call: Call) -> httpx.Response:
        request = self._http.build_request(
            call.method,
            self._url + call.path,
            params=call.query(),
            headers=call.headers(self._settings),
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
