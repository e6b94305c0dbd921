"""Files that galleries are exported to and imported from."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from handful_client._calls import Upload


@contextmanager
def destination(file: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """Where a file is written: a path gets it when it is whole."""
    if not isinstance(file, str | os.PathLike):
        yield file
        return
    path = Path(file)
    # In the same folder, from where it can be renamed.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as written:
            yield written
            written.flush()
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def source(file: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[Upload]:
    """What is read of a file."""
    if isinstance(file, bytes):
        yield Upload.of(io.BytesIO(file))
    elif isinstance(file, str | os.PathLike):
        with Path(file).open("rb") as opened:
            yield Upload.of(opened)
    else:
        yield Upload.of(file)
