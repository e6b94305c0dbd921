"""The calls of one gallery."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable
from typing import BinaryIO, Literal, Protocol, TypeVar

from handful_client import images as image_files
from handful_client import models
from handful_client._async.connection import AsyncConnection
from handful_client._calls import UNSET, Call, Method, Unset, given, path, present
from handful_client._files import destination, source
from handful_client.images import Image, Images

T = TypeVar("T")

#: The most items of one part of a list that the service sends.
PART = 1000


class _Part(Protocol):
    """A part of a list."""

    @property
    def next(self) -> str | None: ...


P = TypeVar("P", bound=_Part)


class AsyncGallery:
    """One gallery of a service.

    Classes are named by label or id, examples and changes by id. Calls that change the gallery
    take `if_revision`: they are refused with the code `precondition_failed` if the gallery is not
    at this revision. Every call raises `HandfulError` if the service refuses it or does not answer.
    """

    def __init__(self, connection: AsyncConnection, name: str) -> None:
        self._connection = connection
        #: The name or id of the gallery.
        self.name = name

    # Images

    async def enroll(
        self,
        label: str,
        images: Images,
        *,
        create: bool = True,
        strict: bool = False,
        crop: str | None = None,
        if_revision: int | None = None,
    ) -> models.Enrolled:
        """Adds images as examples of a class, all or none.

        With `create`, the class is made if it does not exist. With `strict`, an image with a
        finding of `quality` refuses the call. The same image counts once.

        `crop` is the part that is used, only of one image: left, top, width and height, such as
        `"0.25,0.1,0.5,0.5"` in fractions or `"320,96,640,768"` in pixels.
        """
        call = Call(
            "POST",
            self._path("classes", label, "examples"),
            params={"create": create, "strict": strict, "crop": crop},
            images=image_files.read(images),
            if_revision=if_revision,
        )
        return await self._connection.json(call, models.Enrolled)

    async def enroll_background(
        self,
        images: Images,
        *,
        strict: bool = False,
        crop: str | None = None,
        if_revision: int | None = None,
    ) -> models.EnrolledBackground:
        """Adds images of none of the classes to the background set, all or none.

        `crop` is the part of the one image that is used, as of `enroll`.
        """
        call = Call(
            "POST",
            self._path("background", "examples"),
            params={"strict": strict, "crop": crop},
            images=image_files.read(images),
            if_revision=if_revision,
        )
        return await self._connection.json(call, models.EnrolledBackground)

    async def classify(
        self,
        image: Image,
        *,
        top: int = 5,
        explain: bool = False,
        rate: float | None = None,
        crop: str | None = None,
    ) -> models.ClassifiedImage:
        """The best classes of one image, `top` at most.

        `rate` is the share of unknown images that may be accepted, in place of the gallery's.
        `crop` is the part of the image that is classified, as of `enroll`.
        """
        call = Call(
            "POST",
            self._path("classify"),
            params={"top": top, "explain": explain, "rate": rate, "crop": crop},
            images=image_files.read([image]),
        )
        return (await self._connection.json(call, models.Classified)).results[0]

    async def classify_many(
        self,
        images: Images,
        *,
        top: int = 5,
        explain: bool = False,
        transductive: bool = False,
        rate: float | None = None,
    ) -> models.Classified:
        """The best classes of each image, in the order of the images, in one call.

        With `transductive`, the images are classified together: that helps if most of them show
        classes of the gallery.
        """
        params = {"top": top, "explain": explain, "transductive": transductive, "rate": rate}
        files = image_files.read(images)
        call = Call("POST", self._path("classify"), params=params, images=files)
        return await self._connection.json(call, models.Classified)

    async def search(
        self, images: Images, *, k: int = 10, crop: str | None = None
    ) -> models.Searched:
        """The `k` examples of all classes that each image is most similar to, best first.

        `crop` is the part of the one image that is used, as of `enroll`.
        """
        params = {"k": k, "crop": crop}
        files = image_files.read(images)
        call = Call("POST", self._path("search"), params=params, images=files)
        return await self._connection.json(call, models.Searched)

    # The gallery

    async def state(self) -> models.Gallery:
        """Its counts, settings and revision."""
        return await self._get(models.Gallery)

    async def change(
        self,
        *,
        rate: float | None | Unset = UNSET,
        threshold: float | None | Unset = UNSET,
        expected_unknown_share: float | None | Unset = UNSET,
        keep_images: models.KeepImages | None | Unset = UNSET,
        retention_days: int | None | Unset = UNSET,
        if_revision: int | None = None,
    ) -> models.Gallery:
        """Changes settings. None resets one to its default; one that is left out stays."""
        settings = present(
            rate=rate,
            threshold=threshold,
            expected_unknown_share=expected_unknown_share,
            keep_images=keep_images,
            retention_days=retention_days,
        )
        return await self._send("PATCH", models.Gallery, json=settings, if_revision=if_revision)

    async def calibrate(self) -> models.Calibration:
        """Thresholds with the error rates that are expected of them."""
        return await self._send("POST", models.Calibration, "calibrate")

    async def doctor(self, *, limit: int = PART, after: str | None = None) -> models.Doctor:
        """A check of the examples, with `limit` classes that follow the label `after`."""
        return await self._get(models.Doctor, "doctor", limit=limit, after=after)

    # Classes

    def classes(self) -> AsyncIterator[models.Class]:
        """The classes, sorted by label. They are read in parts, as they are used."""
        return self._items(models.Classes, lambda part: part.classes, "classes")

    async def read_class(self, label: str) -> models.Class:
        """One class."""
        return (await self._get(models.OneClass, "classes", label)).class_

    async def define(
        self,
        label: str,
        *,
        synset: str | None = None,
        attributes: Iterable[str] | None = None,
        images_only: bool = False,
        if_revision: int | None = None,
    ) -> models.OneClass:
        """Makes a class without images, or replaces the sense and attributes of one."""
        definition = given(
            synset=synset,
            attributes=None if attributes is None else list(attributes),
            images_only=images_only,
        )
        return await self._send(
            "PUT", models.OneClass, "classes", label, json=definition, if_revision=if_revision
        )

    async def update_class(
        self,
        name: str,
        *,
        label: str | Unset = UNSET,
        synset: str | None | Unset = UNSET,
        images_only: bool | None | Unset = UNSET,
        attributes: Iterable[str] | None | Unset = UNSET,
        if_revision: int | None = None,
    ) -> models.OneClass:
        """Changes the class with this label or id, all that is given at once.

        `label` is its new label. None resets the sense to that of the label, or the attributes to
        those of the sense; what is left out stays.
        """
        if attributes is not None and not isinstance(attributes, Unset):
            # An iterator would not be JSON.
            attributes = list(attributes)
        patch = present(
            label=label, synset=synset, images_only=images_only, attributes=attributes
        )
        return await self._once(
            "PATCH", models.OneClass, "classes", name, json=patch, if_revision=if_revision
        )

    async def rename_class(
        self, label: str, to: str, *, if_revision: int | None = None
    ) -> models.OneClass:
        """Gives a class another label."""
        return await self.update_class(label, label=to, if_revision=if_revision)

    async def merge_class(
        self, label: str, into: str, *, if_revision: int | None = None
    ) -> models.OneClass:
        """Moves all examples of a class into another one."""
        body = {"into": into}
        segments = ("classes", label, "merge")
        return await self._once(
            "POST", models.OneClass, *segments, json=body, if_revision=if_revision
        )

    async def delete_class(self, label: str, *, if_revision: int | None = None) -> models.OneClass:
        """Deletes a class and its examples."""
        return await self._once(
            "DELETE", models.OneClass, "classes", label, if_revision=if_revision
        )

    # Examples

    def examples(self, label: str) -> AsyncIterator[models.Example]:
        """The examples of a class, in the order of enrollment."""
        segments = ("classes", label, "examples")
        return self._items(models.Examples, lambda part: part.examples, *segments)

    def background_examples(self) -> AsyncIterator[models.BackgroundExample]:
        """The background examples, in the order of enrollment."""
        segments = ("background", "examples")
        return self._items(models.BackgroundExamples, lambda part: part.examples, *segments)

    async def read_example(self, example: str) -> models.Example:
        """One example, of a class or of the background set."""
        return (await self._get(models.OneExample, "examples", example)).example

    async def example_image(
        self, example: str, *, size: Literal["full", "thumb"] = "full"
    ) -> bytes:
        """The image that is kept of an example, or a JPEG of at most 256 pixels a side of it."""
        call = Call("GET", self._path("examples", example, "image"), params={"size": size})
        return await self._connection.content(call)

    async def move_examples(
        self, examples: Iterable[str], to: str | None, *, if_revision: int | None = None
    ) -> models.ChangedExamples:
        """Moves examples to a class, or to the background set if `to` is None, all or none."""
        body: dict[str, object] = {"ids": list(examples)}
        body |= {"move_to_background": True} if to is None else {"move_to": to}
        segments = ("examples", "batch")
        return await self._send(
            "POST", models.ChangedExamples, *segments, json=body, if_revision=if_revision
        )

    async def remove_examples(
        self, examples: Iterable[str], *, if_revision: int | None = None
    ) -> models.ChangedExamples:
        """Removes examples of classes or of the background set, all or none."""
        body = {"ids": list(examples), "delete": True}
        segments = ("examples", "batch")
        return await self._once(
            "POST", models.ChangedExamples, *segments, json=body, if_revision=if_revision
        )

    # History

    def history(self) -> AsyncIterator[models.HistoryEntry]:
        """The calls that changed the gallery, newest first."""
        return self._items(models.History, lambda part: part.history, "history")

    async def undo(
        self,
        change: str | None = None,
        *,
        devices: Iterable[str] | None = None,
        through: bool = False,
        if_revision: int | None = None,
    ) -> models.Undone:
        """Takes a change back; without its id, the last one that is not undone.

        With `devices` in its place, all that these did: those of the answer of an import take the
        import back. With `through`, the later changes that depend on it are undone too.
        """
        body = given(
            change=change, devices=None if devices is None else list(devices), through=through
        )
        return await self._once("POST", models.Undone, "undo", json=body, if_revision=if_revision)

    async def redo(
        self, change: str | None = None, *, if_revision: int | None = None
    ) -> models.Undone:
        """Takes back a change that an undo made; without its id, the last undo."""
        body = given(change=change)
        return await self._once("POST", models.Undone, "redo", json=body, if_revision=if_revision)

    async def purge(
        self, older_than_days: int | None = None, *, if_revision: int | None = None
    ) -> models.Purged:
        """Forgets for good what was removed; by default, longer ago than `retention_days`."""
        body = given(older_than_days=older_than_days)
        return await self._send("POST", models.Purged, "purge", json=body, if_revision=if_revision)

    # The gallery as a file

    def export(self) -> AsyncIterator[bytes]:
        """The bytes of the gallery's file as they arrive."""
        return self._connection.stream(Call("GET", self._path("export"), is_transfer=True))

    async def export_to(self, file: str | os.PathLike[str] | BinaryIO) -> int:
        """Writes the gallery into a file; returns the number of bytes.

        A path has the whole file afterwards, or what it had before.
        """
        size = 0
        with destination(file) as written:
            async for part in self.export():
                size += written.write(part)
        return size

    async def import_from(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        if_revision: int | None = None,
    ) -> models.Imported:
        """Adds the changes of an exported gallery, all or none.

        It is read as it is sent. A file object must be seekable.
        """
        with source(file) as upload:
            call = Call(
                "POST",
                self._path("import"),
                upload=upload,
                if_revision=if_revision,
                is_transfer=True,
            )
            return await self._connection.json(call, models.Imported)

    # Another model

    async def reembed_status(self) -> models.Reembed:
        """How far the gallery of another model is embedded anew, and what that changes."""
        return await self._get(models.Reembed, "reembed")

    async def start_reembed(
        self, *, swap: bool = False, leave_out: bool = False, if_revision: int | None = None
    ) -> models.Reembed:
        """Embeds the kept images of a gallery of another model anew, or goes on with that.

        The job runs in the service; `reembed_status` is how far it is. With `swap`, the new
        embeddings are used: at once if the job is `ready`, and otherwise when it is. With
        `leave_out`, examples without an image that can be read are removed with it.
        """
        body = {"swap": swap, "leave_out": leave_out}
        return await self._send(
            "POST", models.Reembed, "reembed", json=body, if_revision=if_revision
        )

    async def cancel_reembed(self, *, if_revision: int | None = None) -> models.ReembedForgotten:
        """Ends this and forgets the new embeddings. The gallery stays as it is."""
        return await self._send(
            "DELETE", models.ReembedForgotten, "reembed", if_revision=if_revision
        )

    # How they are sent

    def _path(self, *segments: str) -> str:
        return path("galleries", self.name, *segments)

    async def _get(self, kind: type[T], *segments: str, **params: str | int | None) -> T:
        call = Call("GET", self._path(*segments), params=params)
        return await self._connection.json(call, kind)

    async def _send(
        self,
        method: Method,
        kind: type[T],
        *segments: str,
        json: object = None,
        if_revision: int | None = None,
    ) -> T:
        call = Call(method, self._path(*segments), json=json, if_revision=if_revision)
        return await self._connection.json(call, kind)

    async def _once(
        self,
        method: Method,
        kind: type[T],
        *segments: str,
        json: object = None,
        if_revision: int | None = None,
    ) -> T:
        """A change that would be another one the second time, so that it is made only once."""
        call = Call(
            method, self._path(*segments), json=json, if_revision=if_revision, repeatable=False
        )
        return await self._connection.json(call, kind)

    async def _items(
        self, kind: type[P], items: Callable[[P], list[T]], *segments: str
    ) -> AsyncIterator[T]:
        """The items of a list, part by part."""
        after: str | None = None
        while True:
            part = await self._get(kind, *segments, limit=PART, after=after)
            for item in items(part):
                yield item
            after = part.next
            if after is None:
                return
