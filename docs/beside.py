"""Adds to the site what lies beside `docs/`: changes, how to contribute, security, and results that pages link to.

A hook of mkdocs. Files stay where they are, so that the same links work in a checkout and on the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md",
    "examples/README.md": "examples.md",
}  # fmt: skip
"""File of the repository to page of the site."""
SHOWN = (".md", ".svg", ".png", ".webp")
"""Results that a reader opens; the JSON beside them stays in the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files of `PAGES` and `results/` under their names on the site."""
    from mkdocs.structure.files import File, InclusionLevel

    results = [path for path in sorted((ROOT / "results").rglob("*")) if path.suffix in SHOWN]
    for path in (*results, *(ROOT / name for name in PAGES)):
        name = path.relative_to(ROOT).as_posix()
        # Results are reached by links, not by the menu.
        inclusion = InclusionLevel.INCLUDED if name in PAGES else InclusionLevel.NOT_IN_NAV
        files.append(File.generated(config, PAGES.get(name, name), abs_src_path=str(path), inclusion=inclusion))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links that leave `docs/` in a checkout into links between pages of the site."""
    if page.file.src_uri in PAGES.values():
        return re.sub(r"\]\(docs/", "](", markdown)
    for name, uri in PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({uri}")
    # Of a page in `results/`, ../docs/ is the root of the site.
    return markdown.replace("](../results/", "](results/").replace("](../docs/", "](../")
