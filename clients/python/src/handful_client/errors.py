"""The error of every call."""

from __future__ import annotations


class HandfulError(Exception):
    """A call that the service refused, or that it did not answer.

    `code` is stable and meant for programs. docs/guide/http.md lists those of the service; the
    client itself adds `unreachable` (nothing was sent), `no_answer` (a change may have been made
    all the same) and `bad_answer` (the answer is none of a Handful service of this version).

    A service with keys answers `unauthorized` (401: there is no key, or it is wrong or revoked),
    `forbidden` (403: the role or the gallery of the key does not allow the call) and
    `too_many_attempts` (429: this address has sent too many wrong keys; `retry_after` states how
    long it is refused). These calls are not made again.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        status: int | None = None,
        request_id: str | None = None,
        file: str | None = None,
        retry_after: float | None = None,
        is_replayed: bool = False,
    ) -> None:
        super().__init__(code, detail, status, request_id, file, retry_after, is_replayed)
        self.code = code
        #: What is wrong, what was expected and what to do.
        self.detail = detail
        #: The HTTP status; None without an answer.
        self.status = status
        #: By which the log of the service has the request; None without an answer.
        self.request_id = request_id
        #: The name of the file at fault, of a call with several.
        self.file = file
        #: The seconds after which the service asks for the request again.
        self.retry_after = retry_after
        #: Whether it is the answer to an earlier attempt at the same call.
        self.is_replayed = is_replayed

    def __str__(self) -> str:
        about = [] if self.file is None else [f"file {self.file}"]
        about += [] if self.status is None else [f"status {self.status}"]
        about += [] if self.request_id is None else [f"request {self.request_id}"]
        return f"{self.code}: {self.detail}" + (f" ({', '.join(about)})" if about else "")
