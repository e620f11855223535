"""The first page of a report in a real browser: it sorts, filters, finds prompts, and keeps choices in its address."""

from support.report_pages import HOSTILE


def column(page, place=0):
    """The shown models of the leaderboard in order, each group apart, with the text of one column."""
    return page.locator("#board tbody").evaluate_all(
        "(bodies, place) => bodies.map((body) => [...body.rows].filter((r) => r.dataset.model && !r.hidden).map((r) => "
        "[r.cells[0].textContent.trim(), r.querySelector(`[data-column='${place}'] .value`).textContent]))",
        place,
    )


def test_the_leaderboard_sorts_by_any_column_within_its_groups(visit):
    page = visit()
    assert column(page) == [[["good", "14.5"], ["bad", "8.0"]], [["real", "44.5"], ["still", "undefined"]]]
    header = page.locator("#board th[data-column='0']")
    header.get_by_role("button").click()  # More is better: best first.
    assert header.get_attribute("aria-sort") == "descending"
    assert [row[0] for row in column(page)[0]] == ["good", "bad"]
    header.get_by_role("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    # What has no value stands last either way.
    assert [[row[0] for row in group] for group in column(page)] == [["bad", "good"], ["real", "still"]]
    page.locator("#families label", has_text="Cost").click()
    page.get_by_role("button", name="Seconds per clip").click()
    assert [row[0] for row in column(page)[0]] == ["bad", "good"]
    assert page.locator("#board [aria-sort]").count() == 1
    page.locator("#board").get_by_role("button", name="Model").click()
    assert [[row[0] for row in group] for group in column(page)] == [["bad", "good"], ["real", "still"]]


def test_slices_models_and_families_filter(visit):
    page = visit()
    value, rank = (page.locator(f"#board tr[data-model='0'] [data-column='0'] .{one}") for one in ("value", "rank"))
    weight = "(value) => Number(getComputedStyle(value).fontWeight)"
    assert (value.evaluate(weight), rank.is_visible()) == (750, True)
    label = page.locator("#slice option", has_text="red (10)").text_content()
    page.locator("#slice").select_option(label=label)
    # Of a slice no test was made, so that nothing stands before the others.
    assert (value.evaluate(weight), rank.is_visible()) == (400, False)
    # Ten prompts: 0 to 9; of bad seven have a value, 3 / 2 to 9 / 2.
    assert column(page) == [[["good", "4.5"], ["bad", "3.0"]], [["real", "34.5"], ["still", "undefined"]]]
    cell = page.locator("#board tr[data-model='1'] [data-column='0']")
    assert cell.locator(".count").text_content() == "7 ok, 3 undefined"
    assert page.locator("#range").text_content() == "1–10 of 10, hair=red"
    page.locator("#models label", has_text="bad").click()
    assert [row[0] for row in column(page)[0]] == ["good"]
    assert page.locator("#clips thead th").all_text_contents() == ["Prompt", "good", "real", "still"]
    page.locator("#slice").select_option("0")
    assert column(page)[0] == [["good", "14.5"]]
    assert (value.evaluate(weight), rank.is_visible()) == (750, True)
    assert page.locator("#board td[data-family='Cost']").first.is_hidden()
    page.locator("#families label", has_text="Cost").click()
    assert page.locator("#board td[data-family='Cost']").first.is_visible()
    assert page.locator("#board td[data-family='Other']").first.is_hidden()
    page.locator("#families label", has_text="All").click()
    assert page.locator("#board td[data-family='Other']").first.is_visible()


def test_prompts_are_found_sorted_and_turned_by_the_page(visit):
    page = visit()
    ids = page.locator("#clips tbody th a")
    assert ids.all_text_contents() == [f"p{i:02d}" for i in range(25)]
    page.locator("#later").click()
    assert ids.all_text_contents() == [f"p{i:02d}" for i in range(25, 30)]
    page.locator("#shown").select_option(label="score")
    page.locator("#clips th", has_text="good").get_by_role("button").click()
    page.locator("#clips th", has_text="good").get_by_role("button").click()
    assert ids.first.text_content() == "p29"
    assert page.locator("#clips tbody tr").first.locator(".value").all_text_contents() == [
        "29",
        "14.5",
        "59",
        "undefined",
    ]
    page.locator("#find").fill("p07 WORD")
    assert ids.all_text_contents() == ["p07"]
    ids.first.click()
    assert page.locator("h1").text_content() == f"say word 7 {HOSTILE}"


POINTS = """(values) => values.map((value) => {
  const text = value.firstChild, range = document.createRange(), whole = text.data.split(".")[0].length;
  range.setStart(text, 0);
  range.setEnd(text, whole);
  return [text.data, range.getBoundingClientRect().right];
})"""
"""Texts, and right ends of what stands before their decimal points."""


def test_decimal_points_of_a_column_stand_below_each_other(visit):
    page = visit(search="?show=score&metrics=Cost")
    values = page.locator("#clips tbody tr td:nth-child(3) .value:not(.none)").evaluate_all(POINTS)
    assert {"1.50", "2", "10.5"} <= {text for text, _ in values}
    ends = [end for _, end in values]
    assert max(ends) - min(ends) < 1


def shown(page):
    """What the first page shows of the reader's choices."""
    return {
        "board": page.locator("#board tr:visible").all_inner_texts(),
        "prompts": page.locator("#clips tr").all_inner_texts(),
        "range": page.locator("#range").text_content(),
        "lists": page.locator("select").evaluate_all("(all) => all.map((one) => one.selectedOptions[0].text)"),
        "find": page.locator("#find").input_value(),
        "sorted": page.locator("[aria-sort]").evaluate_all("(all) => all.map((e) => [e.innerText, e.ariaSort])"),
    }


HERE = "location.href"
"""The address as the page has it: `page.url` learns of it later."""


def test_the_address_shows_the_same_view_again_and_the_back_button_the_one_before(visit):
    page = visit()
    steps = [shown(page)]
    blue = page.locator("#slice option", has_text="blue (20)").text_content()
    for step in (
        lambda: page.locator("#slice").select_option(label=blue),
        lambda: page.locator("#models label", has_text="still").click(),
        lambda: page.locator("#families label", has_text="All").click(),
        lambda: page.locator("#board th[data-column='0'] button").click(),
        lambda: page.locator("#board th[data-column='0'] button").click(),
        lambda: page.locator("#shown").select_option(label="other"),
        lambda: page.locator("#clips th", has_text="bad").get_by_role("button").click(),
        lambda: page.locator("#quality").select_option(label="other"),
    ):
        step()
        steps.append(shown(page))
        assert steps[-1] != steps[-2]
    address = page.evaluate(HERE)
    again = visit(search="?" + address.split("?")[1])
    assert shown(again) == steps[-1]
    again.locator("#find").fill("p2")  # Typing is no step of its own.
    again.wait_for_url("**find=p2*")
    again.close()
    for before in reversed(steps[:-1]):
        page.go_back()
        assert shown(page) == before
    assert "?" not in page.evaluate(HERE)
    for _ in steps[1:]:
        page.go_forward()
    assert page.evaluate(HERE) == address
    assert shown(page) == steps[-1]


def test_an_address_of_another_run_shows_what_this_one_has(visit):
    page = visit(search="?prompts=hair%3Dgreen&model=nobody&sort=FVD+ascending&metrics=Faces&from=x&find=%3Cb%3E")
    assert column(page) == [[["good", "14.5"], ["bad", "8.0"]], [["real", "44.5"], ["still", "undefined"]]]
    assert page.locator("#families input:checked").count() == 1
    assert page.locator("#range").text_content() == "none"
    assert page.locator("#find").input_value() == "<b>"
    page = visit(search="?from=26&model=good&model=nobody")
    assert page.locator("#range").text_content() == "26\u201330 of 30"
    assert page.locator("#clips thead th").all_text_contents() == ["Prompt", "good"]


def test_keys_of_the_first_page(visit):
    page = visit()
    focused = "document.activeElement.textContent"
    for key, prompt in (("n", "p00"), ("n", "p01"), ("p", "p00"), ("p", "p00")):
        page.keyboard.press(key)
        assert page.evaluate(focused) == prompt
    page.locator("#clips tbody th a").last.focus()
    page.keyboard.press("n")
    assert page.evaluate(focused) == "p25"
    page.keyboard.press("p")
    assert page.evaluate(focused) == "p24"
    page.keyboard.press("/")
    page.keyboard.type("p/n?")  # These are letters here, and no keys.
    assert page.locator("#find").input_value() == "p/n?"
    assert page.locator("#keys").is_hidden()
    page.locator("h1").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#keys").is_hidden()
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("button", name="Close").press("Enter")
    assert page.locator("#keys").is_hidden()
