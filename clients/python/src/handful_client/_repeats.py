"""When a call that failed is made again."""

from __future__ import annotations

from typing import Final

import httpx

from handful_client._calls import Call
from handful_client.errors import HandfulError

#: The least pause before a call is made again.
MIN_PAUSE: Final = 0.1

#: The first pause where the service states none; each further one is twice as long.
FIRST_PAUSE: Final = 0.25


class Repeats:
    """The attempts at one call, with `seconds` that may be waited between them in all."""

    def __init__(self, call: Call, seconds: float) -> None:
        self._call = call
        self._left = seconds
        self._next_pause = FIRST_PAUSE
        #: Whether an attempt may have been made, or may still be.
        self._may_be_made = False

    def pause(self, error: HandfulError) -> float | None:
        """The seconds to wait before the call is made again; None if it must not be."""
        may_repeat = self._may_repeat(error)
        self._may_be_made |= error.status == 503 or error.code == "no_answer"
        if not may_repeat:
            return None
        pause = self._seconds(error)
        if pause > self._left:
            return None
        self._left -= pause
        return pause

    def last(self, error: HandfulError) -> HandfulError:
        """The error of the call, from that of its last attempt."""
        # `unreachable` states that nothing was sent.
        if self._may_be_made and error.code == "unreachable":
            return HandfulError("no_answer", error.detail)
        return error

    def _may_repeat(self, error: HandfulError) -> bool:
        match error.status:
            case None:
                # Not a file: it may be large.
                return _is_lost(error) and not self._call.is_transfer
            case 409:
                # The first attempt still runs. What it answered in the end would be final.
                is_running = error.code == "conflict" and not error.is_replayed
                return is_running and self._may_be_made and self._call.is_once
            case 429:
                # To try a key again that was refused makes it worse.
                return error.code != "too_many_attempts" and error.retry_after is not None
            case 503:
                return error.retry_after is not None
            case _:
                return False

    def _seconds(self, error: HandfulError) -> float:
        if error.retry_after is not None:
            return max(error.retry_after, MIN_PAUSE)
        pause = self._next_pause
        self._next_pause *= 2
        return pause


def _is_lost(error: HandfulError) -> bool:
    """Whether the connection was lost. After a timeout, all of the call's time has passed."""
    reasons = httpx.NetworkError | httpx.RemoteProtocolError
    return error.code == "no_answer" and isinstance(error.__cause__, reasons)
