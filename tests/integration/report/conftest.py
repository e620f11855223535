"""One report and one browser for all tests of its pages."""

import shutil

import pytest

from support.report_pages import report_pages

ABORTED = "net::ERR_ABORTED"


@pytest.fixture(scope="package")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="not installed: pip install 'jova-bench[dev]'")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="package")
def pages(tmp_path_factory):
    """Folder of the pages."""
    return report_pages(tmp_path_factory.mktemp("run"))


@pytest.fixture
def visit(browser, pages):
    """Opens a page of the report; afterwards, nothing may have been complained of, asked for, or popped up."""
    seen, contexts = [], []

    def go(name="index.html", search="", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        # Chromium itself stops reading a clip that it has enough of; what is not there fails in other ways.
        page.on("requestfailed", lambda r: r.failure == ABORTED or seen.append(f"failed: {r.url} {r.failure}"))
        page.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or seen.append(f"asked: {r.url}"))
        page.on("dialog", lambda dialog: (seen.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto((pages / name).as_uri() + search)
        return page

    yield go
    for context in contexts:
        for page in context.pages:
            page.evaluate("0")  # What the page has said until now is here with the answer.
    # A clip that is still being read when its page closes is a failed request, and no complaint.
    said = list(seen)
    for context in contexts:
        context.close()
    assert said == []
