"""Pictures of a report's pages for `docs/`: `python benchmarks/report_shots.py RUN [OUT]` writes report-*.webp.

Those in `results/` are of the run that `make run` makes. Needs the extras report and dev, and a Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jova_bench.progress import Terminal
from jova_bench.report.html.site import write_html

ROOT = Path(__file__).parents[1]
QUALITY = 88
"""Quality of WebP at which text stays sharp."""
PLACE = 2
"""The prompt that is shown."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "results")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reported = ROOT / "results" / "as-reported.toml"
        pictures(write_html(args.run, Path(folder) / "pages", reported=reported, progress=Terminal()), args.out)


def pictures(index: Path, out: Path) -> None:
    """Three pictures of the pages that begin at `index`."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    prompt = sorted((index.parent / "prompts").iterdir())[PLACE - 1]
    wide, narrow = {"width": 1280, "height": 1180}, {"width": 375, "height": 812}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        save(out / "report-leaderboard.webp", shot(browser, index, wide, "light", drawn))
        save(out / "report-prompt.webp", shot(browser, prompt, wide, "dark", played))
        phones = [
            shot(browser, index, narrow, "dark", table_of_prompts),
            shot(browser, prompt, narrow, "light", played),
        ]
        save(out / "report-phone.webp", *phones)
        browser.close()


def shot(browser: Any, page: Path, viewport: dict[str, int], scheme: str, prepare: Any) -> bytes:
    """A page as it is seen after some use."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    opened = context.new_page()
    opened.set_default_timeout(300_000)
    opened.goto(page.as_uri())
    prepare(opened)
    picture: bytes = opened.screenshot()
    context.close()
    return picture


def drawn(page: Any) -> None:
    """The plots are loaded, the window is at the top."""
    page.locator("#plots").scroll_into_view_if_needed()
    page.locator("#plot-spread .main-svg").first.wait_for()
    page.evaluate("scrollTo(0, 0)")


def table_of_prompts(page: Any) -> None:
    """Down at the prompts, their pictures loaded."""
    page.locator("#prompts").evaluate("(section) => section.scrollIntoView()")
    page.locator("#clips img").first.evaluate("(image) => image.decode()")


def played(page: Any) -> None:
    """A moment in the middle of the clips."""
    page.evaluate("document.querySelector('.transport').scrollIntoView()")
    page.locator("#play").click()
    page.locator("video").first.evaluate(
        "(video) => new Promise((done) => { const look = () => video.currentTime > 0.9 ? done() : "
        "requestAnimationFrame(look); look(); })"
    )
    page.locator("#play").click()
    page.locator("video").evaluate_all(
        "(all) => Promise.all(all.map((v) => v.seeking && new Promise((done) => v.addEventListener('seeked', done))))"
    )


def save(path: Path, *pictures: bytes) -> None:
    """Pictures side by side."""
    from PIL import Image

    opened = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    gap = 24
    width = sum(one.width for one in opened) + gap * (len(opened) - 1)
    whole = Image.new("RGB", (width, max(one.height for one in opened)), (128, 128, 128))
    left = 0
    for one in opened:
        whole.paste(one, (left, 0))
        left += one.width + gap
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path, quality=QUALITY, method=6)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
