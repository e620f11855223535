"""The page of a run that goes on, in a real browser: it renews itself, says when nobody looks, and ends."""

import shutil

import pytest

from jova_bench.progress import Quiet
from jova_bench.report.html.site import write_html
from jova_bench.report.live.watch import watch
from jova_bench.runs.store import SAMPLES, SCORES, SUMMARY
from support.growing import GrowingRun

sync_api = pytest.importorskip("playwright.sync_api", reason="not installed: pip install 'jova-bench[dev]'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")


@pytest.fixture
def page():
    """A page whose clock goes where it is told; nothing in it may fail."""
    faults = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.clock.install()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        yield page
        browser.close()
    assert faults == []


def test_the_page_follows_the_run_to_its_end(page, tmp_path):
    run = GrowingRun(tmp_path / "run")
    run.begin()
    says, alarm = page.locator("#state"), page.locator("#alarm")

    def polls(count=1):
        """Lets the page load its state so many times."""
        for _ in range(count):
            with page.expect_event("request", lambda request: "state.js" in request.url):
                page.clock.run_for(2_000)

    def shows(place, text):
        polls()
        sync_api.expect(place).to_contain_text(text)

    def opened():
        page.goto((run.folder / "report" / "index.html").as_uri())
        sync_api.expect(says).to_contain_text("clips are being made")
        run.add(SAMPLES, 8)
        run.write(specs=run.specs)
        run.add(SCORES, 3)

    def scored():
        shows(says, "clips are being scored")
        sync_api.expect(page.locator("#progress")).to_contain_text("4 of 4")
        sync_api.expect(page.locator("#numbers")).to_contain_text("1.50")
        assert page.locator("#clips video").count() == 6
        assert page.locator("#clips img").count() == 0
        page.evaluate("window.same = document.querySelector('#clips video')")
        run.end()

    def stopped():
        shows(says, "no process writes this run any more")
        assert page.evaluate("window.same.isConnected")  # What did not change stays, and what plays in it.
        assert not alarm.is_visible()
        polls(6)  # Nothing looks at the run meanwhile.
        sync_api.expect(alarm).to_contain_text("Nothing has looked at the run")
        run.begin()

    def again():
        shows(says, "clips are being scored")
        sync_api.expect(alarm).to_be_hidden()
        run.add(SCORES, 5)
        (run.folder / SUMMARY).write_text(run.summary)
        run.end()

    steps = iter((opened, scored, stopped, again))
    first = watch(
        run.folder,
        None,
        lambda target, progress: write_html(run.folder, target, workers=0, progress=progress),
        Quiet(),
        lambda seconds: next(steps)(),
    )
    page.clock.run_for(2_000)
    sync_api.expect(page.locator("#board")).to_contain_text("ours")
    assert page.evaluate("location.href") == first.as_uri()
