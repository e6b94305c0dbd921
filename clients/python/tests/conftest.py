"""A service for the tests, and images that are drawn for them."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


def environment() -> dict[str, str]:
    """Without the settings of the programs, which are variables of the same prefix."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HANDFUL_")}


@contextmanager
def served(store: Path, *options: str) -> Iterator[str]:
    """The address of a service with this store."""
    server, bundle = os.environ.get("HANDFUL_SERVER"), os.environ.get("HANDFUL_BUNDLE")
    if not server or not bundle:
        pytest.skip("HANDFUL_SERVER and HANDFUL_BUNDLE do not name a handful-server and a bundle")
    common = ["--listen", "127.0.0.1:0", "--engine", "tract", "--bundle", bundle]
    service = subprocess.Popen(
        [server, *common, "--store", str(store), *options],
        env=environment(),
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
    found = re.search(r"https?://\S+", report)
    assert found, report
    return found[0]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with an empty store, which is open to this machine."""
    with served(tmp_path_factory.mktemp("store")) as address:
        yield address


def command(store: Path, *words: str) -> dict[str, str]:
    """The answer of the command `handful` on a store."""
    handful = os.environ.get("HANDFUL_COMMAND")
    if not handful:
        pytest.skip("HANDFUL_COMMAND does not name a handful")
    words = (handful, *words, "--store", str(store), "--json")
    ended = subprocess.run(words, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, str] = json.loads(ended.stdout)
    return answer


@dataclass(frozen=True)
class Closed:
    """A service with keys and a certificate of its own, below the path `/handful`."""

    store: Path
    url: str
    certificate: str
    #: The key of an admin.
    key: str

    def add_key(self, name: str, role: str, *options: str) -> str:
        return command(self.store, "keys", "add", name, "--role", role, *options)["key"]

    def revoke(self, name: str) -> None:
        command(self.store, "keys", "revoke", name)

    def client(self, key: str | None) -> Handful:
        return Handful(self.url, key=key, verify=self.certificate)


@pytest.fixture(scope="session")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    store = tmp_path_factory.mktemp("closed")
    made = command(store, "tls", "self-signed")
    key = command(store, "keys", "add", "owner", "--role", "admin")["key"]
    files = ("--tls-cert", made["certificate"], "--tls-key", made["key"])
    with served(store, *files, "--base-path", "/handful") as address:
        yield Closed(store, f"{address}/handful", made["certificate"], key)


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
