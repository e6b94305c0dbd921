"""The client against a service with keys, TLS and a base path."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
import pytest

from conftest import Closed, columns, stripes
from handful_client import AsyncHandful, Handful, HandfulError


def code_of(call: Callable[[], object]) -> tuple[str, int | None]:
    with pytest.raises(HandfulError) as caught:
        call()
    return caught.value.code, caught.value.status


def admitted(client: Handful) -> Handful:
    """A client whose new key the service has noticed: within a second."""
    for _ in range(50):
        try:
            client.galleries()
            return client
        except HandfulError as error:
            assert error.code == "unauthorized"
            time.sleep(0.1)
    raise AssertionError("the key is not noticed")


def test_images_are_enrolled_and_classified(closed: Closed) -> None:
    with closed.client(closed.key) as handful:
        handful.enroll("stripes", stripes())
        handful.enroll("columns", columns())
        assert handful.classify(stripes(5)).label == "stripes"
        assert handful.health().status == "ok"
        access = handful.service_doctor().access
        assert (access.keys_required, access.tls) == (True, True)


def test_the_same_with_coroutines(closed: Closed) -> None:
    async def run() -> None:
        url, certificate = closed.url, closed.certificate
        async with AsyncHandful(url, key=closed.key, verify=certificate) as handful:
            gallery = await handful.create_gallery("coroutines")
            await gallery.enroll("stripes", [stripes(0), stripes(10)])
            assert [each.label async for each in gallery.classes()] == ["stripes"]

    anyio.run(run)


def test_only_the_certificate_that_is_given_is_trusted(closed: Closed) -> None:
    with Handful(closed.url, key=closed.key) as handful:
        with pytest.raises(HandfulError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            handful.version()
    assert caught.value.code == "unreachable"
    with Handful(closed.url, key=closed.key, verify=False) as handful:
        assert handful.version().version


def test_without_tls_nothing_is_answered(closed: Closed) -> None:
    with Handful(closed.url.replace("https", "http"), key=closed.key) as handful:
        with pytest.raises(HandfulError) as caught:
            handful.version()
    assert caught.value.code in ("bad_answer", "bad_request")
    assert "https://" in caught.value.detail


def test_no_key_and_a_wrong_one_are_refused(closed: Closed) -> None:
    for key in (None, "wrong"):
        with closed.client(key) as handful:
            assert code_of(handful.version) == ("unauthorized", 401)
            assert handful.health().status == "ok"


def test_a_role_allows_its_calls(closed: Closed) -> None:
    with admitted(closed.client(closed.add_key("reader", "read"))) as handful:
        assert handful.state().gallery == "default"
        assert code_of(lambda: handful.enroll("mug", stripes())) == ("forbidden", 403)
        assert code_of(handful.service_doctor) == ("forbidden", 403)


def test_a_key_is_for_its_gallery(closed: Closed) -> None:
    with closed.client(closed.key) as owner:
        owner.create_gallery("line 2")
        key = closed.add_key("camera", "enroll", "--gallery", "line 2")
        with admitted(closed.client(key)) as handful:
            assert [each.gallery for each in handful.galleries()] == ["line 2"]
            handful.gallery("line 2").enroll("mug", stripes())
            assert code_of(handful.state) == ("forbidden", 403)
            assert code_of(handful.gallery("none").state) == ("forbidden", 403)
        change = next(iter(owner.gallery("line 2").history()))
        assert change.actor == "camera"


def test_a_revoked_key_is_refused(closed: Closed) -> None:
    with admitted(closed.client(closed.add_key("lost phone", "read"))) as handful:
        closed.revoke("lost phone")
        end = time.monotonic() + 10
        with pytest.raises(HandfulError) as caught:
            while time.monotonic() < end:
                handful.version()
                time.sleep(0.1)
        assert (caught.value.code, caught.value.status) == ("unauthorized", 401)
