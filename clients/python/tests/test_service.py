"""The client against a service."""

from __future__ import annotations

import io
from pathlib import Path

import anyio
import httpx
import pytest

from conftest import columns, stripes
from handful_client import AsyncHandful, Gallery, Handful, HandfulError, Image


def teach(gallery: Gallery) -> None:
    gallery.enroll("stripes", [stripes(0), stripes(10)])
    gallery.enroll("columns", [columns(0), columns(10)])


def labels(gallery: Gallery) -> list[str]:
    return [each.label for each in gallery.classes()]


def test_the_closest_class_is_the_answer(gallery: Gallery) -> None:
    teach(gallery)
    answer = gallery.classify(stripes(5))
    assert (answer.label, answer.decision) == ("stripes", "accepted")
    assert [each.label for each in answer.candidates] == ["stripes", "columns"]
    assert answer.candidates[0].similarity > answer.candidates[1].similarity
    assert gallery.classify(columns(5), top=1).candidates[0].label == "columns"


def test_images_are_paths_bytes_and_files(gallery: Gallery, tmp_path: Path) -> None:
    teach(gallery)
    path = tmp_path / "a.png"
    path.write_bytes(stripes(5))
    with path.open("rb") as opened:
        images: list[Image] = [path, str(path), columns(5), bytearray(columns(5))]
        images += [opened, io.BytesIO(columns(5))]
        answer = gallery.classify_many(images)
    found = [each.label for each in answer.results]
    assert found == ["stripes", "stripes", "columns", "columns", "stripes", "columns"]
    assert answer.results[0].file == "a.png"
    assert answer.setting == "inductive"
    assert gallery.classify(path).label == "stripes"


def test_an_image_counts_once(gallery: Gallery) -> None:
    first = gallery.enroll("mug", stripes())
    assert first.class_.label == "mug"
    again = gallery.enroll("mug", stripes())
    assert again.class_.examples == 1
    assert again.examples[0].duplicate_of == first.examples[0].id
    assert again.change is None


def test_errors_have_code_status_and_request(gallery: Gallery) -> None:
    with pytest.raises(HandfulError) as caught:
        gallery.enroll("mug", stripes(), create=False)
    error = caught.value
    assert (error.code, error.status) == ("unknown_class", 404)
    assert error.request_id
    assert "mug" in error.detail and error.detail in str(error)
    with pytest.raises(HandfulError) as caught:
        gallery.enroll("mug", [stripes(), b"no image"])
    assert (caught.value.code, caught.value.status) == ("unsupported_image", 415)
    assert caught.value.file == "image 2"
    assert labels(gallery) == []


def test_parts_of_an_image_are_examples(gallery: Gallery) -> None:
    gallery.enroll("left", stripes(), crop="0,0,24,48")
    gallery.enroll("left", stripes(), crop="0.5,0,0.5,1")
    assert [each.crop for each in gallery.examples("left")] == ["0,0,0.5,1", "0.5,0,0.5,1"]
    assert gallery.classify(stripes(), crop="0,0,24,48").label == "left"
    with pytest.raises(HandfulError) as caught:
        gallery.enroll("left", [stripes(), columns()], crop="0,0,24,48")
    assert caught.value.code == "bad_request"


def test_deleted_galleries_are_listed_and_restored(handful: Handful) -> None:
    handful.create_gallery("gone")
    handful.delete_gallery("gone")
    deleted = next(each for each in handful.deleted_galleries() if each.gallery == "gone")
    handful.undelete_gallery(deleted.id)
    assert "gone" in [each.gallery for each in handful.galleries()]
    handful.delete_gallery("gone")


def test_a_gallery_of_this_model_is_not_embedded_anew(gallery: Gallery) -> None:
    teach(gallery)
    status = gallery.reembed_status()
    assert (status.other_space, status.state, status.examples) == (False, "none", 4)
    assert gallery.start_reembed(swap=True).change is None
    assert gallery.cancel_reembed().forgotten == 0


def test_a_label_may_have_any_characters(gallery: Gallery) -> None:
    for label in ("Käse & Brot 50%", "a?b#c", "v1.2"):
        gallery.enroll(label, stripes())
        assert gallery.read_class(label).label == label
        gallery.delete_class(label)
    # A folder to others, and to the service a name that it refuses.
    with pytest.raises(HandfulError) as caught:
        gallery.enroll("..", stripes())
    assert caught.value.code == "bad_name"


def test_classes_change(gallery: Gallery) -> None:
    made = gallery.define("cup", images_only=True)
    assert made.class_.provisional and made.class_.images_only
    gallery.enroll("mug", stripes())
    assert gallery.rename_class("mug", "beaker").class_.label == "beaker"
    gallery.merge_class("beaker", "cup")
    assert labels(gallery) == ["cup"]
    gallery.delete_class("cup")
    assert labels(gallery) == []


def test_a_class_changes_in_several_ways_at_once(gallery: Gallery) -> None:
    first = gallery.define("cup", images_only=True)
    changed = gallery.update_class("cup", label="beaker", images_only=False)
    assert (changed.class_.label, changed.class_.images_only) == ("beaker", False)
    assert (changed.class_.id, changed.revision) == (first.class_.id, first.revision + 1)
    assert gallery.update_class("beaker", images_only=True).class_.images_only
    # What is left out stays, and None resets.
    assert gallery.update_class("beaker", label="mug").class_.images_only
    assert not gallery.update_class("mug", images_only=None).class_.images_only


def test_the_most_similar_examples_are_found(gallery: Gallery) -> None:
    teach(gallery)
    found = gallery.search([stripes(1), columns(1)], k=2)
    labels = [[each.label for each in result.neighbors] for result in found.results]
    assert labels == [["stripes"] * 2, ["columns"] * 2]
    nearest = found.results[0].neighbors
    assert nearest[0].similarity >= nearest[1].similarity
    assert nearest[0].example in [each.id for each in gallery.examples("stripes")]
    assert len(gallery.search(stripes(), crop="0,0,24,48").results[0].neighbors) == 4


class LostAnswer(httpx.HTTPTransport):
    """Loses the answer to the first change."""

    is_lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "GET" or self.is_lost:
            return response
        self.is_lost = True
        response.read()
        response.close()
        raise httpx.ReadError("lost by the test")


def test_a_change_with_a_lost_answer_is_made_once(address: str, gallery: Gallery) -> None:
    gallery.enroll("mug", stripes())
    gallery.enroll("cup", columns())
    with httpx.Client(transport=LostAnswer()) as http:
        undone = Handful(address, http=http).gallery(gallery.name).undo()
    assert labels(gallery) == ["mug"]
    assert len(undone.undone) == 1 and undone.revision == gallery.state().revision
    # At a revision, and a form with several images.
    with httpx.Client(transport=LostAnswer()) as http:
        again = Handful(address, http=http).gallery(gallery.name)
        enrolled = again.enroll("cup", [stripes(5), columns()], if_revision=undone.revision)
    assert enrolled.class_.examples == 2 and enrolled.change is not None
    assert enrolled.revision == undone.revision + 1


def test_examples_move_and_go(gallery: Gallery) -> None:
    teach(gallery)
    first, second = [each.id for each in gallery.examples("stripes")]
    assert gallery.example_image(first).startswith(b"\xff\xd8")
    assert gallery.example_image(first, size="thumb").startswith(b"\xff\xd8")
    gallery.move_examples([first], "columns")
    assert gallery.read_example(first).label == "columns"
    gallery.move_examples([first], None)
    assert [each.id for each in gallery.background_examples()] == [first]
    assert gallery.remove_examples([first, second]).changed == 2
    assert gallery.state().examples == 2


def test_background_is_enrolled(gallery: Gallery) -> None:
    assert gallery.enroll_background([stripes(), columns()]).background_examples == 2
    assert gallery.state().background_examples == 2


def test_changes_are_undone(gallery: Gallery) -> None:
    change = gallery.enroll("mug", stripes()).change
    gallery.enroll("cup", columns())
    assert [each.undone for each in gallery.history()] == [False, False]
    undone = gallery.undo(change)
    assert [each.change for each in undone.undone] == [change]
    assert labels(gallery) == ["cup"]
    gallery.redo(undone.change)
    assert labels(gallery) == ["cup", "mug"]


def test_a_stale_revision_is_refused(gallery: Gallery) -> None:
    revision = gallery.enroll("mug", stripes()).revision
    gallery.enroll("mug", stripes(5), if_revision=revision)
    with pytest.raises(HandfulError) as caught:
        gallery.delete_class("mug", if_revision=revision)
    assert (caught.value.code, caught.value.status) == ("precondition_failed", 412)


def test_settings_change_and_reset(gallery: Gallery) -> None:
    assert gallery.change(rate=0.02, keep_images="off").rate == 0.02
    state = gallery.change(rate=None)
    assert (state.rate, state.keep_images) == (0.05, "off")


def test_a_gallery_is_checked_and_calibrated(gallery: Gallery) -> None:
    teach(gallery)
    assert [each.label for each in gallery.doctor().classes] == ["columns", "stripes"]
    assert gallery.doctor(after="columns").classes[0].label == "stripes"
    assert gallery.calibrate().evidence.classes == 2


def test_a_gallery_moves_in_a_file(handful: Handful, gallery: Gallery, tmp_path: Path) -> None:
    teach(gallery)
    path = tmp_path / "things.handful"
    assert gallery.export_to(path) == path.stat().st_size
    assert b"".join(gallery.export()) == path.read_bytes()
    kept = io.BytesIO()
    gallery.export_to(kept)
    assert kept.getvalue() == path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["things.handful"]
    other = handful.create_gallery("other")
    kept.seek(0)
    assert other.import_from(path).in_use == 4
    for file in (kept, path.read_bytes()):
        assert other.import_from(file).new == 0
    assert labels(other) == ["columns", "stripes"]
    handful.delete_gallery("other")


def test_an_export_that_fails_leaves_the_file(handful: Handful, tmp_path: Path) -> None:
    path = tmp_path / "things.handful"
    path.write_bytes(b"the last good one")
    with pytest.raises(HandfulError) as caught:
        handful.gallery("no such gallery").export_to(path)
    assert caught.value.code == "unknown_gallery"
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"the last good one"]


def test_galleries_are_made_renamed_and_restored(handful: Handful) -> None:
    line = handful.create_gallery("line 2")
    line.enroll("mug", stripes())
    line = handful.rename_gallery("line 2", "line 3")
    assert line.state().classes == 1
    assert "line 3" in [each.gallery for each in handful.galleries()]
    assert "line 3" not in [each.gallery for each in handful.delete_gallery("line 3")]
    assert handful.undelete_gallery("line 3").state().examples == 1
    handful.delete_gallery("line 3")


def test_the_service_is_described(handful: Handful) -> None:
    assert handful.health().status == "ok"
    version = handful.version()
    embedded = handful.embed(stripes())
    assert len(embedded.results[0].embedding) == version.bundle.embedding_size
    doctor = handful.service_doctor()
    assert (doctor.version, doctor.problems) == (version.version, [])
    assert (doctor.access.keys_required, doctor.access.tls) == (False, False)
    handful.compact()


def test_lists_are_read_in_parts(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        gallery.define(f"class {number}")
    monkeypatch.setattr("handful_client._generated.sync.gallery.PART", 2)
    assert labels(gallery) == [f"class {number}" for number in range(5)]


def test_the_client_of_the_caller_stays_open(address: str) -> None:
    with httpx.Client() as http:
        with Handful(address, http=http) as handful:
            handful.version()
        assert not http.is_closed


def test_the_same_with_coroutines(address: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncHandful(address) as handful:
            gallery = await handful.create_gallery("coroutines")
            await gallery.enroll("stripes", [stripes(0), stripes(10)])
            await gallery.enroll("columns", columns())
            assert (await gallery.classify(stripes(5))).label == "stripes"
            assert [each.label async for each in gallery.classes()] == ["columns", "stripes"]
            path = tmp_path / "things.handful"
            assert await gallery.export_to(path) == path.stat().st_size
            assert (await gallery.import_from(path)).new == 0
            await gallery.undo()
            with pytest.raises(HandfulError) as caught:
                await gallery.read_class("columns")
            assert caught.value.code == "unknown_class"
            await handful.delete_gallery("coroutines")

    anyio.run(run)
