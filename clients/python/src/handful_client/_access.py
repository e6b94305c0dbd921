"""The key of a service and the certificates that its connections trust."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import httpx


def authorization(key: str | None, url: str) -> dict[str, str]:
    """The header that has the key; none without a key.

    Raises `ValueError` for a key that cannot be sent. The text of the key is in no error.
    """
    if key is None:
        return {}
    # Else the error of the HTTP library would show the header.
    if not key or not all("!" <= character <= "~" for character in key):
        raise ValueError(
            "key: expected visible ASCII characters; strip spaces and line ends, such as those of "
            "a file"
        )
    # They would take the place of the key.
    if httpx.URL(url).userinfo:
        raise ValueError("url: expected no user name and password beside a key; leave out one")
    return {"authorization": f"Bearer {key}"}


def trusted(verify: bool | str | os.PathLike[str] | ssl.SSLContext) -> bool | ssl.SSLContext:
    """What `verify` is to httpx: a path is of the only certificates (PEM) that are trusted.

    Raises `OSError` if the file cannot be read, and `ssl.SSLError` if it has no certificate.
    """
    if isinstance(verify, bool | ssl.SSLContext):
        return verify
    # Read here: the error of `ssl` does not name the file.
    text = Path(verify).read_text(encoding="ascii", errors="ignore")
    return ssl.create_default_context(cadata=text)
