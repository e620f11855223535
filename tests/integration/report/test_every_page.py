"""What holds for each page of a report in a real browser: it needs no mouse, fits a phone, and follows the scheme."""

import pytest

FOCUSABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, select, input, [tabindex='0'], summary")];
  const reachable = (e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility() && (e.type !== "radio" || e.checked);
  return all.filter(reachable).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement, style = (one) => getComputedStyle(one).outlineStyle;
  return { place: [...document.querySelectorAll("*")].indexOf(e), body: e === document.body,
           shown: style(e) !== "none" || (e.nextElementSibling && style(e.nextElementSibling) !== "none") };
}"""


@pytest.mark.parametrize("name", ["index.html", "prompts/0002.html"])
def test_the_keyboard_reaches_everything_and_is_seen(visit, name):
    page = visit(name)
    expected = page.evaluate(FOCUSABLE)
    places = []
    for _ in range(expected):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        assert focused["shown"]
        places.append(focused["place"])
    assert len(set(places)) == expected
    assert places == sorted(places)  # in reading order


@pytest.mark.parametrize("name", ["index.html", "prompts/0001.html"])
def test_a_phone_shows_everything_without_scrolling_sideways(visit, name):
    page = visit(name, viewport={"width": 375, "height": 812})
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 376 && "
        "e.checkVisibility() && !e.closest('.scroll')).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    sizes = page.locator("select:visible, button:visible").evaluate_all(
        "(all) => all.filter((e) => !e.closest('th')).map((e) => e.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 32


def test_colours_follow_the_scheme(visit):
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit(color_scheme=scheme).evaluate(paper) for scheme in ("light", "dark"))
    assert light != dark
