"""A service: its gallery `default`, and what is not about one gallery."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from types import TracebackType

import httpx

from handful_client import images as image_files
from handful_client import models
from handful_client._async.connection import AsyncConnection
from handful_client._async.gallery import PART, AsyncGallery
from handful_client._calls import Call, Settings, path
from handful_client.images import Images


class AsyncHandful(AsyncGallery):
    """A service, used in `async with` or closed with `aclose()`.

    Its calls of a gallery are those of the gallery that it is opened with; `gallery` gives others.
    `url` may have a path, such as `https://home.example/handful`.

    `key` is one that `handful keys add` made. It is sent in a header with every call, and is in no
    URL, error or log. It is read from no variable, so that it reaches only the service that it is
    given for. `verify` is the path of the certificates (PEM) that are trusted in place of the
    public ones, such as the `cert.pem` of `handful tls self-signed`; False trusts every
    certificate, so that the key and the images may reach someone else.

    The service has `timeout` seconds for an answer, and `transfer_timeout` for an export or an
    import. A call that it was too busy for (429), did not finish in time (503) or lost the
    connection of is made again, with pauses of no more than `retry_seconds` in all. A call that
    would be another change the second time has an `Idempotency-Key`, by which the service makes it
    only once.

    `http` is used in place of connections of its own, and stays open; it has its own `verify`.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        key: str | None = None,
        gallery: str = "default",
        verify: bool | str | os.PathLike[str] | ssl.SSLContext = True,
        timeout: float = 30.0,
        transfer_timeout: float = 600.0,
        retry_seconds: float = 30.0,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        settings = Settings(timeout, transfer_timeout, retry_seconds)
        super().__init__(AsyncConnection(url, settings, key, verify, http), gallery)

    async def __aenter__(self) -> AsyncHandful:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connections to the service."""
        await self._connection.aclose()

    # Galleries

    def gallery(self, name: str) -> AsyncGallery:
        """The calls of another gallery, by name or id, over the same connections."""
        return AsyncGallery(self._connection, name)

    async def galleries(self) -> list[models.GalleryEntry]:
        """All galleries: `default`, then the others by name."""
        found: list[models.GalleryEntry] = []
        after: str | None = None
        while True:
            call = Call("GET", path("galleries"), params={"limit": PART, "after": after})
            part = await self._connection.json(call, models.Galleries)
            found.extend(part.galleries)
            after = part.next
            if after is None:
                return found

    async def create_gallery(self, name: str) -> AsyncGallery:
        """Makes a gallery. One that exists stays as it is."""
        await self._connection.json(Call("PUT", path("galleries", name)), models.Gallery)
        return self.gallery(name)

    async def rename_gallery(
        self, name: str, to: str, *, if_revision: int | None = None
    ) -> AsyncGallery:
        """Gives a gallery another name."""
        call = Call(
            "PATCH",
            path("galleries", name),
            json={"name": to},
            if_revision=if_revision,
            repeatable=False,
        )
        await self._connection.json(call, models.Gallery)
        return self.gallery(to)

    async def delete_gallery(
        self, name: str, *, if_revision: int | None = None
    ) -> list[models.GalleryEntry]:
        """Deletes a gallery with everything in it; returns those that are left."""
        call = Call(
            "DELETE", path("galleries", name), if_revision=if_revision, repeatable=False
        )
        return (await self._connection.json(call, models.Galleries)).galleries

    async def undelete_gallery(
        self, name: str, *, if_revision: int | None = None
    ) -> AsyncGallery:
        """Restores the gallery with this id, or the one of this name that was deleted last."""
        call = Call(
            "POST",
            path("galleries", name, "undelete"),
            if_revision=if_revision,
            repeatable=False,
        )
        await self._connection.json(call, models.Gallery)
        return self.gallery(name)

    async def deleted_galleries(self) -> AsyncIterator[models.DeletedGallery]:
        """The deleted galleries that can be restored, the one that was deleted last first."""
        after: str | None = None
        while True:
            call = Call(
                "GET", path("deleted-galleries"), params={"limit": PART, "after": after}
            )
            part = await self._connection.json(call, models.DeletedGalleries)
            for gallery in part.galleries:
                yield gallery
            after = part.next
            if after is None:
                return

    # The service

    async def embed(self, images: Images, *, crop: str | None = None) -> models.Embedded:
        """The embedding of each image, for use elsewhere.

        `crop` is the part of the one image that is used, as of `enroll`.
        """
        files = image_files.read(images)
        call = Call("POST", path("embed"), params={"crop": crop}, images=files)
        return await self._connection.json(call, models.Embedded)

    async def senses(self, noun: str, *, prefix: bool = False) -> models.Senses:
        """The WordNet senses of a noun; with `prefix`, of the nouns that begin with it."""
        params = {"q": noun, "prefix": prefix or None}
        call = Call("GET", path("lexicon"), params=params)
        return await self._connection.json(call, models.Senses)

    async def version(self) -> models.Version:
        """Version, bundle, engine and limits of the service."""
        return await self._connection.json(Call("GET", "/version"), models.Version)

    async def health(self) -> models.Health:
        """The checks of a service that is ready; raises `HandfulError` if it is not."""
        return await self._connection.json(Call("GET", "/readyz"), models.Health)

    async def service_doctor(self) -> models.ServiceDoctor:
        """The state of the service, with its limits and what is to be mended."""
        return await self._connection.json(Call("GET", path("doctor")), models.ServiceDoctor)

    async def compact(self) -> None:
        """Writes the store anew, so that it takes no more room than needed."""
        await self._connection.content(Call("POST", path("compact")))
