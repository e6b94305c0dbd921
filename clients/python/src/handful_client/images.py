"""Images as callers have them: paths, bytes and file objects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable


@runtime_checkable
class Readable(Protocol):
    """A file object that is open for reading bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; all of them by default."""


#: The path of an image file, its bytes, or a file object.
Image: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable

#: One image or several.
Images: TypeAlias = Image | Iterable[Image]

#: The name of a file and its bytes.
ImageFile: TypeAlias = tuple[str, bytes]


def read(images: Images) -> list[ImageFile]:
    """The files of one image or of several.

    Raises `ValueError` without an image, and `OSError` if a file cannot be read.
    """
    # Before `Iterable`, which a path, bytes and a file object are too.
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Readable):
        return [_file(images, 1)]
    files = [_file(image, number) for number, image in enumerate(images, start=1)]
    if not files:
        raise ValueError("there is no image; expected at least one")
    return files


def _file(image: Image, number: int) -> ImageFile:
    if isinstance(image, bytes | bytearray | memoryview):
        return f"image {number}", bytes(image)
    if isinstance(image, Readable):
        name = getattr(image, "name", None)
        # A file descriptor has a number as its name.
        name = os.path.basename(name) if isinstance(name, str) else f"image {number}"
        return name, image.read()
    path = Path(image)
    return path.name, path.read_bytes()
