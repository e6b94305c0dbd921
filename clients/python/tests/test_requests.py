"""What is sent, made again and refused, without a service."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import httpx
import pytest

from conftest import columns, stripes
from handful_client import AsyncHandful, Handful, HandfulError

BUSY = {"code": "busy", "detail": "Wait.", "status": 429, "title": "Busy", "type": "urn:x"}
UNDONE = {"undone": [], "revision": 1, "change": None}
VERSION = {
    "version": "0.1.0",
    "bundle": {
        "embedding_size": 4,
        "name": "b",
        "names": False,
        "rejects_unknown": False,
        "space_id": "0",
        "weights": "1",
    },
    "engine": {"precision": "fp32", "provider": "tract", "rejected": [], "candidates": []},
    "limits": {"max_body_bytes": 1, "max_files": 1, "max_pixels": 1},
}


class Service:
    """Answers with each response in turn, then with the last one, and keeps the requests."""

    def __init__(self, *responses: httpx.Response | httpx.TransportError) -> None:
        self.responses = list(responses)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, httpx.TransportError):
            raise response
        # A copy: a response is read once.
        headers, content = response.headers, response.content
        return httpx.Response(response.status_code, headers=headers, content=content)

    def client(self, retry_seconds: float = 30.0) -> Handful:
        http = httpx.Client(transport=httpx.MockTransport(self))
        return Handful("http://service", http=http, timeout=2.0, retry_seconds=retry_seconds)


def refusal(status: int, retry_after: str | None = "0") -> httpx.Response:
    headers = {"x-request-id": "r1"} | ({} if retry_after is None else {"retry-after": retry_after})
    return httpx.Response(status, json=BUSY | {"status": status}, headers=headers)


def error_of(call: Callable[[], object]) -> HandfulError:
    with pytest.raises(HandfulError) as caught:
        call()
    return caught.value


def test_a_busy_service_is_asked_again() -> None:
    service = Service(refusal(429), refusal(503), httpx.Response(200, json=VERSION))
    assert service.client().version().engine.provider == "tract"
    assert len(service.requests) == 3


def test_it_is_not_waited_for_longer_than_allowed() -> None:
    service = Service(refusal(429, "2"))
    error = error_of(service.client(retry_seconds=1.0).version)
    assert (error.code, error.status, error.request_id) == ("busy", 429, "r1")
    assert error.retry_after == 2.0
    assert len(service.requests) == 1
    # A pause of no length would be made for ever.
    error_of(service.client(retry_seconds=0.0).version)
    service = Service(refusal(429))
    error_of(service.client(retry_seconds=0.25).version)
    assert len(service.requests) == 3


def test_without_a_time_it_is_not_asked_again() -> None:
    for retry_after in (None, "Wed, 21 Oct 2026 07:28:00 GMT"):
        service = Service(refusal(503, retry_after))
        assert error_of(service.client().version).status == 503
        assert len(service.requests) == 1


def test_a_change_at_a_revision_names_it() -> None:
    service = Service(refusal(400))
    error_of(lambda: service.client().purge(if_revision=7))
    assert service.requests[0].headers["if-match"] == '"7"'


def test_a_body_is_sent_whole_each_time() -> None:
    service = Service(refusal(429), refusal(400))
    error_of(lambda: service.client().import_from(b"x" * 100_000))
    assert [request.content for request in service.requests] == [b"x" * 100_000] * 2
    assert service.requests[1].headers["content-length"] == "100000"
    assert service.requests[1].headers["handful-deadline-ms"] == "600000"


def test_one_image_is_the_body_and_several_are_a_form() -> None:
    service = Service(refusal(400))
    client = service.client()
    error_of(lambda: client.enroll("a/b", stripes()))
    error_of(lambda: client.enroll("a/b", [stripes(), columns()]))
    one, several = service.requests
    assert one.url.raw_path.startswith(b"/v1/galleries/default/classes/a%2Fb/examples?create=true")
    assert (one.headers["content-type"], one.content) == ("application/octet-stream", stripes())
    assert several.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert several.content.count(b'name="file"') == 2 and columns() in several.content
    assert one.headers["handful-deadline-ms"] == "2000"


def test_a_part_of_an_image_is_a_parameter() -> None:
    service = Service(refusal(400))
    client = service.client()
    part = "0,0,0.5,1"
    error_of(lambda: client.enroll("mug", stripes(), crop=part))
    error_of(lambda: client.enroll_background(stripes(), crop=part))
    error_of(lambda: client.classify(stripes(), crop=part))
    error_of(lambda: client.embed(stripes(), crop=part))
    assert [request.url.params["crop"] for request in service.requests] == [part] * 4
    error_of(lambda: client.classify(stripes()))
    assert "crop" not in service.requests[-1].url.params


def test_all_that_devices_did_is_undone() -> None:
    service = Service(httpx.Response(200, json=UNDONE))
    service.client().undo(devices=["d_1", "d_2"], through=True)
    body = json.loads(service.requests[0].content)
    assert body == {"devices": ["d_1", "d_2"], "through": True}


def test_no_image_is_no_call() -> None:
    service = Service(refusal(400))
    with pytest.raises(ValueError, match="expected at least one"):
        service.client().enroll("mug", [])
    assert service.requests == []


def test_a_service_that_is_gone_is_an_error() -> None:
    error = error_of(Service(httpx.ConnectError("refused")).client().version)
    assert (error.code, error.status, error.request_id) == ("unreachable", None, None)
    assert isinstance(error.__cause__, httpx.ConnectError)
    error = error_of(Service(httpx.ReadTimeout("timed out")).client().version)
    assert error.code == "no_answer"


def test_an_answer_of_something_else_is_an_error() -> None:
    page = httpx.Response(502, text="<html>")
    error = error_of(Service(page).client().version)
    assert (error.code, error.status, error.detail) == ("bad_answer", 502, "Bad Gateway")
    engine = VERSION["engine"] | {"provider": 7}
    wrongs: list[object] = [[], {}, VERSION | {"version": None}, VERSION | {"engine": engine}]
    for wrong in wrongs:
        error = error_of(Service(httpx.Response(200, json=wrong)).client().version)
        assert (error.code, error.status) == ("bad_answer", 200)
    assert "engine: provider: expected str, got 7" in error.detail


def test_what_a_newer_service_adds_is_left_out() -> None:
    newer = httpx.Response(200, json=VERSION | {"new": 1})
    assert Service(newer).client().version().version == "0.1.0"


def test_coroutines_wait_as_well() -> None:
    service = Service(refusal(429), httpx.Response(200, json=VERSION))

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
            assert (await AsyncHandful("http://service", http=http).version()).version == "0.1.0"

    anyio.run(run)
    assert len(service.requests) == 2
