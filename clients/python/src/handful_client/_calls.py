"""Calls of the service and their answers, without sending anything."""

from __future__ import annotations

import enum
import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import BinaryIO, Final, Literal, TypeAlias, TypeVar
from urllib.parse import quote

import httpx

from handful_client._decode import decode
from handful_client.errors import HandfulError
from handful_client.images import ImageFile

T = TypeVar("T")

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

USER_AGENT: Final = f"handful-client/{version('handful-client')}"

#: How much longer the client waits than the service has.
GRACE_SECONDS: Final = 5.0


class Unset(enum.Enum):
    """The value of a setting that stays as it is; None resets it to its default."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True)
class Settings:
    """How long calls may take, in seconds."""

    timeout: float
    transfer_timeout: float
    retry_seconds: float


@dataclass(frozen=True)
class Upload:
    """A file that is sent as it is read."""

    file: BinaryIO
    start: int
    length: int

    @classmethod
    def of(cls, file: BinaryIO) -> Upload:
        """What a file has from its position on."""
        start = file.tell()
        return cls(file, start, file.seek(0, io.SEEK_END) - start)


@dataclass(frozen=True)
class Call:
    """A request of the service."""

    method: Method
    path: str
    params: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    #: A JSON body. None is no body.
    json: object = None
    images: list[ImageFile] = field(default_factory=list)
    upload: Upload | None = None
    if_revision: int | None = None
    #: Whether making it twice has the same result and the same answer.
    repeatable: bool = True
    #: Whether it has the time of an export or an import.
    is_transfer: bool = False
    #: The same for all attempts at it, and only for them.
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def is_once(self) -> bool:
        """Whether the service must know a second attempt as one, and answer it as the first."""
        # The first attempt may have made another revision.
        return not self.repeatable or self.if_revision is not None

    def seconds(self, settings: Settings) -> float:
        """The time that the service has for the answer."""
        return settings.transfer_timeout if self.is_transfer else settings.timeout

    def timeout(self, settings: Settings) -> float:
        """The time that the client waits: long enough for the service's own error."""
        return self.seconds(settings) + GRACE_SECONDS

    def headers(self, settings: Settings) -> dict[str, str]:
        """All headers but those that httpx adds."""
        milliseconds = max(1, round(self.seconds(settings) * 1000))
        headers = {"user-agent": USER_AGENT, "handful-deadline-ms": str(milliseconds)}
        if self.if_revision is not None:
            headers["if-match"] = f'"{self.if_revision}"'
        if self.is_once:
            headers["idempotency-key"] = self.id
        if self.upload is not None:
            headers["content-length"] = str(self.upload.length)
        if self.upload is not None or len(self.images) == 1:
            headers["content-type"] = "application/octet-stream"
        if len(self.images) > 1:
            # A new boundary would make another body of it.
            headers["content-type"] = f"multipart/form-data; boundary={self.id}"
        return headers

    def query(self) -> dict[str, str | int | float | bool]:
        """The parameters that have a value."""
        return {key: value for key, value in self.params.items() if value is not None}

    def content(self) -> bytes | None:
        """The one image, if it is one: the service holds a form in memory twice."""
        return self.images[0][1] if len(self.images) == 1 else None

    def form(self) -> list[tuple[str, tuple[str, bytes, str]]] | None:
        """The parts of a body with several images."""
        if len(self.images) < 2:
            return None
        return [("file", (name, data, "application/octet-stream")) for name, data in self.images]


def path(*segments: str) -> str:
    """A path below `/v1`, each segment percent-encoded."""
    # The dots as well: `..` would be taken for the folder above.
    encoded = (quote(segment, safe="").replace(".", "%2E") for segment in segments)
    return "/v1/" + "/".join(encoded)


def present(**fields: object) -> dict[str, object]:
    """The fields of a body that are set; None is a value only where None resets a setting."""
    return {name: value for name, value in fields.items() if value is not UNSET}


def given(**fields: object) -> dict[str, object]:
    """The fields of a body that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def answer(kind: type[T], response: httpx.Response) -> T:
    """The JSON of an answer that was read whole."""
    try:
        return decode(kind, response.json())
    except ValueError as error:
        request_id = response.headers.get("x-request-id")
        raise HandfulError(
            "bad_answer",
            f"The answer is not what a service of this version sends: {error}",
            response.status_code,
            request_id,
        ) from error


def problem(response: httpx.Response) -> HandfulError:
    """The error of an answer that was read whole."""
    try:
        body = response.json()
    except (ValueError, UnicodeDecodeError):
        body = None
    fields = body if isinstance(body, dict) else {}
    # Anything between client and service, such as a proxy, has answers of its own.
    detail = fields.get("detail") or _reason(response)
    file = fields.get("file")
    return HandfulError(
        str(fields.get("code") or "bad_answer"),
        str(detail),
        response.status_code,
        response.headers.get("x-request-id"),
        None if file is None else str(file),
        _retry_after(response),
        "idempotent-replayed" in response.headers,
    )


def _reason(response: httpx.Response) -> str:
    if response.has_redirect_location:
        # A key is not sent to an address that the caller did not give.
        return f"The service is at {response.headers['location']}; use the address of that."
    return response.reason_phrase or "The answer has no reason."


def _retry_after(response: httpx.Response) -> float | None:
    seconds: str = response.headers.get("retry-after", "")
    # A proxy may send a date: that is not waited for.
    return float(seconds) if seconds.isascii() and seconds.isdigit() else None


def unanswered(error: httpx.HTTPError) -> HandfulError:
    """The error of a request without a whole answer."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return HandfulError("unreachable", f"The service cannot be reached: {reason}")
    return HandfulError("no_answer", f"The service did not answer: {reason}")
