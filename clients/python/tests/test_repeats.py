"""Changes that are made again after a lost answer, without a service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import httpx
import pytest

from conftest import columns, stripes
from handful_client import Handful
from test_requests import UNDONE, VERSION, Service, error_of, refusal

LOST = httpx.RemoteProtocolError("Server disconnected without sending a response.")
DONE = httpx.Response(200, json=UNDONE)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, which take no time."""
    taken: list[float] = []
    monkeypatch.setattr("handful_client._generated.sync.connection.time.sleep", taken.append)
    return taken


def conflict(replayed: bool = False, retry_after: str | None = None) -> httpx.Response:
    body = {"code": "conflict", "detail": "It runs.", "status": 409, "title": "", "type": ""}
    headers = {} if retry_after is None else {"retry-after": retry_after}
    headers |= {"idempotent-replayed": "true"} if replayed else {}
    return httpx.Response(409, json=body, headers=headers)


def keys(service: Service) -> list[str | None]:
    return [each.headers.get("idempotency-key") for each in service.requests]


def test_a_change_has_one_key_for_all_attempts() -> None:
    service = Service(refusal(503), LOST, refusal(429), DONE)
    client = service.client()
    client.undo()
    first = keys(service)
    assert len(first) == 4 and len(set(first)) == 1
    assert first[0] is not None and uuid.UUID(first[0]).version == 4
    client.undo()
    assert keys(service)[-1] not in first


def test_each_call_that_is_another_one_the_second_time_has_a_key() -> None:
    calls: list[Callable[[Handful], object]] = [
        lambda client: client.rename_class("a", "b"),
        lambda client: client.update_class("a", label="b"),
        lambda client: client.merge_class("a", "b"),
        lambda client: client.delete_class("a"),
        lambda client: client.remove_examples(["e_1"]),
        lambda client: client.redo(),
        lambda client: client.rename_gallery("a", "b"),
        lambda client: client.delete_gallery("a"),
        lambda client: client.undelete_gallery("a"),
        lambda client: client.enroll("mug", stripes(), if_revision=3),
        lambda client: client.change(rate=0.1, if_revision=3),
    ]
    for call in calls:
        service = Service(refusal(400))
        client = service.client()
        error_of(lambda call=call, client=client: call(client))
        assert keys(service) != [None]


def test_a_call_that_is_the_same_the_second_time_has_none() -> None:
    calls: list[Callable[[Handful], object]] = [
        lambda client: client.version(),
        lambda client: client.classify(stripes()),
        lambda client: client.enroll("mug", stripes()),
        lambda client: client.calibrate(),
    ]
    for call in calls:
        service = Service(refusal(400))
        client = service.client()
        error_of(lambda call=call, client=client: call(client))
        assert keys(service) == [None]


def test_the_body_of_a_change_is_the_same_each_time() -> None:
    service = Service(LOST, refusal(503), refusal(400))
    client = service.client()
    error_of(lambda: client.enroll("mug", [stripes(), columns()], if_revision=3))
    first, *others = [(each.content, each.headers["content-type"]) for each in service.requests]
    assert len(others) == 2 and others == [first] * 2
    assert first[1] == f"multipart/form-data; boundary={keys(service)[0]}"
    assert first[0].startswith(f"--{keys(service)[0]}\r\n".encode())


def test_a_lost_connection_is_not_tried_for_ever(pauses: list[float]) -> None:
    service = Service(LOST)
    error = error_of(service.client(retry_seconds=4.0).undo)
    assert (error.code, error.__cause__) == ("no_answer", LOST)
    assert pauses == [0.25, 0.5, 1.0, 2.0]
    assert len(service.requests) == 5


def test_a_read_is_made_again_after_a_lost_connection() -> None:
    service = Service(httpx.ReadError("reset"), httpx.Response(200, json=VERSION))
    service.client().version()
    assert len(service.requests) == 2


def test_a_lost_connection_in_the_answer_counts_as_well() -> None:
    requests = []

    def serve(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, stream=Broken()) if len(requests) == 1 else DONE

    with httpx.Client(transport=httpx.MockTransport(serve)) as http:
        Handful("http://service", http=http).undo()
    assert len(requests) == 2


class Broken(httpx.SyncByteStream):
    def __iter__(self):  # type: ignore[no-untyped-def]
        yield b"{"
        raise httpx.RemoteProtocolError("peer closed connection")


def test_what_may_be_long_is_not_made_again(pauses: list[float]) -> None:
    service = Service(LOST)
    error_of(lambda: service.client().import_from(b"x"))
    slow = Service(httpx.ReadTimeout("timed out"))
    error_of(slow.client().undo)
    assert (len(service.requests), len(slow.requests), pauses) == (1, 1, [])


def test_the_first_attempt_is_waited_for(pauses: list[float]) -> None:
    service = Service(refusal(503), conflict(), conflict(retry_after="2"), DONE)
    service.client().undo()
    assert (len(service.requests), pauses) == (4, [0.1, 0.25, 2.0])


def test_other_conflicts_are_errors() -> None:
    # The first attempt was not made (429), there was none, or its answer is known.
    for before, answer in [
        ([], conflict()),
        ([refusal(429)], conflict()),
        ([refusal(503)], conflict(replayed=True)),
    ]:
        service = Service(*before, answer)
        error = error_of(service.client().undo)
        assert (error.code, len(service.requests)) == ("conflict", len(before) + 1)
        assert error.is_replayed == ("idempotent-replayed" in answer.headers)


def test_a_key_of_another_call_is_an_error() -> None:
    body = {"code": "idempotency_key_reused", "detail": "", "status": 422, "title": "", "type": ""}
    service = Service(LOST, httpx.Response(422, json=body))
    assert error_of(service.client().undo).code == "idempotency_key_reused"


def test_a_service_that_has_gone_may_have_made_the_change() -> None:
    error = error_of(Service(LOST, httpx.ConnectError("refused")).client().undo)
    assert (error.code, error.status) == ("no_answer", None)
    assert isinstance(error.__cause__, httpx.ConnectError)
    error = error_of(Service(refusal(429), httpx.ConnectError("refused")).client().undo)
    assert error.code == "unreachable"


def test_what_is_left_out_of_a_change_stays() -> None:
    service = Service(refusal(400))
    client = service.client()
    error_of(lambda: client.update_class("mug", label="cup", synset=None))
    error_of(lambda: client.update_class("mug", images_only=True, attributes=iter(["lid"])))
    error_of(lambda: client.update_class("mug"))
    bodies = [json.loads(each.content) for each in service.requests]
    assert bodies == [
        {"label": "cup", "synset": None},
        {"images_only": True, "attributes": ["lid"]},
        {},
    ]
    assert {each.method for each in service.requests} == {"PATCH"}


def test_parameters_of_reads() -> None:
    service = Service(refusal(400))
    client = service.client()
    error_of(lambda: client.search(stripes(), k=3, crop="0,0,0.5,1"))
    error_of(lambda: client.example_image("e_1", size="thumb"))
    error_of(lambda: client.senses("ze", prefix=True))
    error_of(lambda: client.senses("zebra"))
    error_of(client.service_doctor)
    assert [str(each.url).removeprefix("http://service/v1/") for each in service.requests] == [
        "galleries/default/search?k=3&crop=0%2C0%2C0.5%2C1",
        "galleries/default/examples/e_1/image?size=thumb",
        "lexicon?q=ze&prefix=true",
        "lexicon?q=zebra",
        "doctor",
    ]
