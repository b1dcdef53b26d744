"""Getting around with keys alone: the palette, the shortcuts, the rail on a phone, and the way through a page."""

from typing import Any

from playwright.sync_api import Page, expect

from MiniTwit.models import User
from tests.browser.conftest import Visitor
from tests.MiniTwit.factories import make_message, make_user

# What has the focus, how it is outlined, and whether it is in the window.
FOCUS = """() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    return {
        name: element.outerHTML.slice(0, 80),
        outline: style.outlineStyle,
        width: parseFloat(style.outlineWidth),
        inside: box.bottom > 0 && box.top < innerHeight,
    };
}"""


def open_palette(page: Page) -> None:
    expect(page.locator(".palette-button")).to_be_visible()  # the script has run
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()


def test_the_palette_leads_to_a_section_and_to_a_person(visitor: Visitor) -> None:
    ada = make_user("Ada")
    page = visitor.arrive()
    open_palette(page)
    expect(page.locator("#palette li")).to_have_count(page.locator(".rail a").count())
    page.keyboard.type("watch")
    expect(page.locator("#palette li[aria-selected=true]")).to_have_text("Watch-list")
    visitor.look("60_palette")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Watch-list")
    open_palette(page)
    page.keyboard.type("Ad")
    expect(page.locator("#palette li").last).to_have_text("AdaAccount")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Ada")
    assert page.url.endswith(f"/user/{ada.pk}/change/")
    open_palette(page)
    page.keyboard.type("no one is called so")
    expect(page.locator("#palette [role=status]")).to_have_text("Nothing is called so.")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    assert visitor.complaints == []


def test_keys_go_and_search_and_explain_themselves(visitor: Visitor) -> None:
    page = visitor.arrive()
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page.locator("h1")).to_have_text("Messages")
    expect(page.locator(".palette-button")).to_be_visible()  # the script has run
    page.keyboard.press("/")
    page.keyboard.type("gm?")  # in a field, keys are letters
    expect(page.locator("#grp-changelist-search")).to_have_value("gm?")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("Review queue")
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.locator("h1")).to_have_text("Back office")
    assert visitor.complaints == []


def test_on_a_phone_the_menu_opens_the_rail(visitor: Visitor) -> None:
    page = visitor.arrive()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator(".rail")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.locator(".rail")).to_be_visible()
    page.get_by_role("link", name="Decisions").click()
    expect(page.locator("h1")).to_have_text("Decisions")
    expect(page.locator(".rail")).to_be_hidden()


def test_the_skip_link_and_every_focus_can_be_seen(visitor: Visitor) -> None:
    make_message(User.objects.filter(is_staff=True).first() or make_user())
    page = visitor.arrive("/admin/MiniTwit/message/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    seen: list[Any] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus is None:
            break
        seen.append(focus)
    assert len(seen) > 10
    assert [focus["name"] for focus in seen if focus["outline"] == "none" or focus["width"] < 2] == []
    assert [focus["name"] for focus in seen if not focus["inside"]] == []
    assert seen[0]["name"] == '<a href="/admin/">Home</a>'  # the rail is skipped
