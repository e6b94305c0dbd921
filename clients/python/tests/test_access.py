"""Keys and certificates, without a service."""

from __future__ import annotations

import logging
import ssl
import traceback
from pathlib import Path

import httpx
import pytest

from handful_client import AsyncHandful, Handful, HandfulError
from test_requests import UNDONE, VERSION, Service, error_of, refusal

KEY = "hk_3x4mpl3-s3cr3t"


def keyed(service: Service, url: str = "http://service", key: str = KEY) -> Handful:
    return Handful(url, key=key, http=httpx.Client(transport=httpx.MockTransport(service)))


def test_each_call_carries_the_key() -> None:
    service = Service(refusal(429), httpx.Response(200, json=VERSION))
    keyed(service).version()
    assert [each.headers["authorization"] for each in service.requests] == [f"Bearer {KEY}"] * 2
    service.client().version()
    assert "authorization" not in service.requests[-1].headers


def test_the_environment_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDFUL_KEY", KEY)
    service = Service(httpx.Response(200, json=VERSION))
    service.client().version()
    assert "authorization" not in service.requests[0].headers


def test_a_key_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    responses = [refusal(401, None), refusal(403, None), refusal(500, None)]
    for response in [*responses, httpx.ConnectError("x"), httpx.ReadTimeout("x")]:
        service = Service(response)
        client = keyed(service)
        error = error_of(client.version)
        texts = [str(error), repr(error), str(error.args), str(service.requests[0].url)]
        texts += [repr(client), repr(client._connection), *traceback.format_exception(error)]
        assert all(KEY not in text for text in texts)
    assert caplog.text and KEY not in caplog.text


@pytest.mark.parametrize("key", ["", f"{KEY}\n", f"{KEY} x", f"{KEY}\u00e9"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(key: str) -> None:
    with pytest.raises(ValueError, match="^key: expected visible ASCII") as caught:
        Handful(key=key)
    assert KEY not in str(caught.value)


def test_the_address_has_no_password_beside_a_key() -> None:
    with pytest.raises(ValueError, match="^url: "):
        Handful("http://user:secret@service", key=KEY)


def test_refused_keys_are_not_tried_again() -> None:
    body = {"code": "too_many_attempts", "detail": "Wait.", "status": 429, "title": "", "type": ""}
    refused = httpx.Response(429, json=body, headers={"retry-after": "0"})
    for response in (refused, refusal(401), refusal(403)):
        service = Service(response)
        error_of(keyed(service).version)
        assert len(service.requests) == 1
    service = Service(refused)
    error = error_of(keyed(service).version)
    assert (error.code, error.retry_after) == ("too_many_attempts", 0.0)


def test_a_key_does_not_follow_a_redirect() -> None:
    moved = httpx.Response(308, headers={"location": "https://elsewhere/version"})
    service = Service(moved)
    error = error_of(keyed(service).version)
    assert (error.code, error.status, len(service.requests)) == ("bad_answer", 308, 1)
    assert "https://elsewhere/version" in error.detail


def test_a_path_is_before_those_of_the_service() -> None:
    for url in ("http://service/handful", "http://service/handful/"):
        service = Service(httpx.Response(200, json=VERSION), httpx.Response(200, json=UNDONE))
        client = keyed(service, url)
        client.version()
        client.gallery("a/b").undo()
        paths = [each.url.raw_path for each in service.requests]
        assert paths == [b"/handful/version", b"/handful/v1/galleries/a%2Fb/undo"]


def test_what_is_trusted_is_a_file_of_certificates(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="cert.pem"):
        Handful(verify=str(tmp_path / "cert.pem"))
    path = tmp_path / "wrong.pem"
    path.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        AsyncHandful(verify=path)
    for verify in (True, False, ssl.create_default_context()):
        Handful(verify=verify).close()
    with httpx.Client() as http, pytest.raises(ValueError, match="^verify: "):
        Handful(verify=False, http=http)


def test_a_certificate_that_is_not_trusted_is_an_error() -> None:
    reason = "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"
    error = error_of(keyed(Service(httpx.ConnectError(reason)), "https://service").version)
    assert isinstance(error, HandfulError)
    assert error.code == "unreachable" and reason in error.detail
