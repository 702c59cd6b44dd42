"""People on the page: found, added, given cards, imported, and shown as what they are."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Dialog, expect

from tests.e2e.conftest import Running, eventually
from tests.e2e.page.conftest import DESKTOP, PHONE, TABLET, Open, Screen, operator

HOSTILE = """<script>alert(1)</script> "Zoë" O'Hara & <b>Co</b>"""
MANY = 10_000
CAPTURE = "enrolment begins"
"""What the controller notes when a reader begins to wait."""


def _id_in(url: str) -> int:
    found = re.search(r"/people/(\d+)$", url)
    assert found, url
    return int(found[1])


def test_a_person_is_added_with_a_swiped_card_and_the_next_swipe_opens(
    phone: Screen, demo: Running
) -> None:
    page = phone.open("/people")
    page.get_by_role("button", name="Add a person").click()
    page.get_by_label("Name").fill(HOSTILE)
    page.get_by_label("Registration").fill("Z-9")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/people/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page).to_have_title(f"{HOSTILE} · Demo")
    expect(page.locator("#state")).to_contain_text("every day, all day")
    user_id = _id_in(page.url)

    page.get_by_label("Reader").select_option("front")
    begun = demo.errors.read_text().count(CAPTURE)
    page.get_by_role("button", name="Swipe to add").click()
    expect(page.get_by_text("Show it at the reader now.")).to_be_visible()
    eventually(lambda: demo.errors.read_text().count(CAPTURE) > begun, "a capture")
    demo.swipe("88,1234")
    expect(page.locator("#credentials")).to_contain_text("88,1234")
    expect(page.locator("#enrolment")).to_have_text("Added.")

    row = demo.swiped("88,1234")
    assert (row["event"], row["user_id"]) == (7, user_id)
    page.reload()
    expect(page.locator(".passages li").first).to_contain_text("let in")
    page.locator("#credentials summary").first.click()
    expect(page.locator(".readings")).to_contain_text("5804D2")
    phone.sound()

    page.goto("/people")
    page.get_by_role("searchbox").fill("5804D2")
    only = page.locator(".people li")
    expect(only).to_have_count(1)
    expect(only).to_contain_text(HOSTILE)
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    only.get_by_role("link").click()
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile(r"/people$"))
    assert said == [
        f"Delete {HOSTILE}? 1 credential goes with them; it opens no door any more. The log stays."
    ]
    assert demo.swiped("88,1234")["event"] == 3


def test_an_unknown_card_is_given_to_a_person(phone: Screen, demo: Running) -> None:
    page = phone.open("/people")
    demo.swipe("55,4321")
    unknown = page.locator(".unknown").filter(has_text="55,4321")
    expect(unknown).to_contain_text("Unknown card")
    phone.sound()
    unknown.get_by_role("button", name="Give it to ...").click()
    page.locator("#taker").fill("1002")
    page.get_by_role("button", name="Bruno").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bruno")
    expect(page.locator("#credentials")).to_contain_text("55,4321")
    assert demo.swiped("55,4321")["user_id"] == 2
    page.goto("/people")
    expect(page.locator(".unknown").filter(has_text="55,4321")).to_have_count(0)


def test_a_search_narrows_the_list_and_its_filters_can_be_cleared(phone: Screen) -> None:
    page = phone.open("/people")
    people = page.locator(".people li")
    everybody = people.count()
    page.get_by_role("searchbox").fill("123,45678")
    expect(people).to_have_count(1)
    expect(people).to_contain_text("Ana")
    page.get_by_role("link", name="Clear the search").click()
    expect(people).to_have_count(everybody)
    page.get_by_label("Group", exact=True).select_option(label="Visitors")
    expect(page.locator(".chips")).to_contain_text("Visitors")
    expect(people).not_to_have_count(everybody)
    page.get_by_role("link", name="All groups").click()
    expect(people).to_have_count(everybody)
    page.get_by_role("searchbox").fill("front")
    expect(page.get_by_role("link", name="Door front")).to_be_visible()
    page.goto("/")
    page.get_by_role("searchbox").fill("7bb26e")
    page.get_by_role("searchbox").press("Enter")
    expect(people).to_contain_text("Ana")
    page.get_by_role("searchbox").fill("zzz")
    expect(page.get_by_text("Nobody matches.")).to_be_visible()


def test_validity_and_groups_are_changed_and_said_in_a_sentence(
    phone: Screen, demo: Running
) -> None:
    [user_id] = demo.api.create("users", {"name": "Guest"})
    page = phone.open(f"/people/{user_id}")
    expect(page.locator("#state")).to_have_text("May pass no door this week.")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Valid until").fill("2099-12-31T18:00")
    page.get_by_role("checkbox", name="Standard").check()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/people/\d+$"))
    expect(page.locator("#state")).to_contain_text("until 2099-12-31 18:00")
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Valid until").fill("2001-01-01T00:00")
    page.get_by_role("checkbox", name="Standard").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#state")).to_have_text("Not valid any more: ended 2001-01-01 00:00.")
    expect(page.get_by_text("In no group.")).to_be_visible()
    demo.api.destroy("users", id=user_id)


def test_a_wrong_card_is_explained_where_it_was_typed_and_a_pin_is_never_shown(
    phone: Screen, demo: Running
) -> None:
    [user_id] = demo.api.create("users", {"name": "Typist"})
    page = phone.open(f"/people/{user_id}")
    page.get_by_text("Type a card or PIN").click()
    page.get_by_label("PIN", exact=True).fill("834519")
    page.get_by_role("button", name="Set the PIN").click()
    expect(page.locator("#credentials .credentials")).to_contain_text("PIN")
    assert "834519" not in page.content()
    page.get_by_text("Type a card or PIN").click()
    page.get_by_label("Card", exact=True).fill("123,45678")
    page.get_by_role("button", name="Add the card").click()
    expect(page.get_by_role("alert")).to_contain_text("Ana has this card")
    demo.api.destroy("users", id=user_id)


def test_a_large_photo_is_made_small_and_shown(
    phone: Screen, demo: Running, tmp_path: Path
) -> None:
    picture = tmp_path / "photo.png"
    Image.effect_noise((2_400, 1_800), 60).save(picture)
    page = phone.open("/people/3")
    page.locator("[data-photo]").set_input_files(picture)
    expect(page.get_by_role("img", name="Photo of Carla")).to_be_visible()
    asked = {"session": demo.api.token, "user_id": "3"}
    stored = demo.api.http.get(f"{demo.url}/user_get_image.fcgi", params=asked, timeout=60)
    assert Image.open(io.BytesIO(stored.content)).size == (800, 600)
    phone.sound()
    page.get_by_role("button", name="Remove the photo").click()
    expect(page.get_by_role("img", name="Photo of Carla")).to_have_count(0)
    page.locator("[data-photo]").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(page.get_by_role("alert")).to_contain_text("not recognized")


def test_ten_thousand_people_are_imported_with_progress_and_undone(
    phone: Screen, demo: Running, tmp_path: Path
) -> None:
    sheet = tmp_path / "people.csv"
    # More bytes than other requests may have.
    rows = "".join(f'"Person {it:0240}",R{it}\r\n' for it in range(MANY - 1))
    sheet.write_text(f'name,registration\r\n"{HOSTILE.replace(chr(34), chr(34) * 2)}",H\r\n{rows}')
    before = len(demo.api.load("users", fields=["id"]))
    page = phone.open("/people/import")
    page.locator("#import [type=file]").set_input_files(sheet)
    page.get_by_role("button", name="Check the file").click()
    added = page.locator("#checked .counts dd").first
    expect(added).to_have_text(str(MANY))
    page.get_by_text("First added: People").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    phone.sound()
    assert len(demo.api.load("users", fields=["id"])) == before
    page.get_by_role("button", name="Import now").click()
    expect(page.locator("#progress progress")).to_be_visible()
    last = page.locator("#last")
    expect(last.locator("dd").first).to_have_text(str(MANY))
    assert len(demo.api.load("users", fields=["id"])) == before + MANY
    phone.sound()
    last.get_by_role("button", name="Undo this import").click()
    expect(last).to_contain_text("The import was undone.")
    assert len(demo.api.load("users", fields=["id"])) == before


def test_a_file_with_a_refused_row_cannot_be_imported(phone: Screen) -> None:
    page = phone.open("/people/import")
    sheet = b"id,name\r\nx,Eva\r\n90,Ivo\r\n"
    page.locator("#import [type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": sheet}
    )
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("alert")).to_contain_text("1 row is refused")
    expect(page.get_by_text("users: Invalid member 'id'")).to_be_visible()
    expect(page.get_by_role("button", name="Import now")).to_have_count(0)


def test_a_removal_says_how_many_people_go(phone: Screen, demo: Running) -> None:
    page = phone.open("/people/import")
    sheet = b"id,name\r\n1,Ana\r\n2,Bruno\r\n3,Carla\r\n"
    said: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        said.append(dialog.message)

    page.on("dialog", dismissed)
    page.locator("#import [type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": sheet}
    )
    page.get_by_label("Remove people who are not in the file").check()
    page.get_by_role("button", name="Check the file").click()
    gone = len(demo.api.load("users", fields=["id"])) - 3
    page.get_by_role("button", name="Import now").click()
    expect(page.locator("#last .counts dd").nth(2)).to_have_text(str(gone))
    assert len(said) == 1
    assert said[0].startswith(f"{gone} ")
    page.locator("#last").get_by_role("button", name="Undo this import").click()
    expect(page.locator("#last")).to_contain_text("The import was undone.")
    assert demo.api.load("cards", where={"users": {"name": "Davi"}})


def test_people_are_exported_as_a_spreadsheet(phone: Screen) -> None:
    page = phone.open("/people/import")
    with page.expect_download() as loading:
        page.get_by_role("button", name="People, cards and groups as CSV").click()
    text = Path(loading.value.path()).read_text(encoding="utf-8-sig")
    assert "#users" in text
    assert "Ana" in text
    assert '"123,45678"' in text


def test_an_operator_keeps_people_and_sees_no_mark_of_duress(screen: Open, demo: Running) -> None:
    guard = screen(signed_in=False)
    guard.sign_in(**operator(demo))
    page = guard.open("/people/1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ana")
    expect(page.get_by_role("button", name="Swipe to add")).to_be_visible()
    expect(page.get_by_text("Duress")).to_have_count(0)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Registration").fill("1001")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/people/1$"))
    guard.accessible()


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [
        (PHONE, "dark", "en"),
        (PHONE, "light", "pt"),
        (PHONE, "light", "es"),
        (TABLET, "light", "en"),
        (DESKTOP, "dark", "pt"),
    ],
)
def test_people_are_sound_on_every_screen(
    screen: Open, size: tuple[int, int], scheme: str, language: str
) -> None:
    shown = screen(size=size, scheme=scheme, language=language)
    for path in ("/people", "/people/1", "/people/new", "/people/import", "/people/give?card=5"):
        page = shown.open(path)
        expect(page.locator("h1")).to_be_visible()
        shown.sound()
