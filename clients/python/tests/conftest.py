"""A service for the tests, and images that are drawn for them."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator

import pytest

from handful_client import Gallery, Handful


def png(level: int, shift: int, is_across: bool) -> bytes:
    """48x48 stripes: across with rows of 4 pixels, or along with columns of 8."""

    def pixel(x: int, y: int) -> bytes:
        is_light = (y // 4 if is_across else x // 8) % 2 == 0
        light = level if is_light else 20
        return bytes((light, 30 + shift, 20) if is_across else (20, 40 + shift, light))

    rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(48)) for y in range(48))
    head = struct.pack(">IIBBBBB", 48, 48, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def stripes(shift: int = 0) -> bytes:
    return png(230, shift, is_across=True)


def columns(shift: int = 0) -> bytes:
    return png(240, shift, is_across=False)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with an empty store."""
    server, bundle = os.environ.get("HANDFUL_SERVER"), os.environ.get("HANDFUL_BUNDLE")
    if not server or not bundle:
        pytest.skip("HANDFUL_SERVER and HANDFUL_BUNDLE do not name a handful-server and a bundle")
    # Its settings are variables of the same prefix.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HANDFUL_")}
    options = ["--listen", "127.0.0.1:0", "--engine", "tract", "--bundle", bundle]
    store = tmp_path_factory.mktemp("store")
    service = subprocess.Popen(
        [server, *options, "--store", str(store)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield ready(service)
    finally:
        service.terminate()
        service.wait(60)


def ready(service: subprocess.Popen[str]) -> str:
    """The address in the report of a service, when it is ready."""
    assert service.stdout is not None
    report = ""
    while "Ready in" not in report:
        line = service.stdout.readline()
        assert line, f"the service ended: {report}"
        report += line
    found = re.search(r"http://\S+", report)
    assert found, report
    return found[0]


@pytest.fixture
def handful(address: str) -> Iterator[Handful]:
    with Handful(address) as handful:
        yield handful


@pytest.fixture
def gallery(handful: Handful, request: pytest.FixtureRequest) -> Iterator[Gallery]:
    """An empty gallery."""
    name = request.node.name
    yield handful.create_gallery(name)
    handful.delete_gallery(name)
