"""Draws a page of Markdown for a terminal: tables and paragraphs as wide as that, emphasis and verdicts as styles.

Pages are written once, in Markdown, which files and other programs get as it is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from rich import box
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from jova_bench.formatting.fitting import parts, wrapped

STYLES = (
    (re.compile("worse|failed|not comparable|regression"), "red"),
    (re.compile("better"), "green"),
    (re.compile("underpowered|within tolerance"), "yellow"),
    (re.compile("undefined|not measured"), "dim"),
)
"""Styles of cells by the words with which they begin."""
_NOTE = re.compile(r"\[\^(\d+)\]")
_TAG = re.compile(r"<[^>]*>")


def drawn(markdown: str, width: int, ascii_only: bool) -> str:
    """Returns the text of a page, with a terminal's codes of styles: none where TERM is dumb, no colour with NO_COLOR.

    Args:
        markdown: the page.
        width: of the terminal, in characters.
        ascii_only: whether lines of tables are drawn in ASCII.
    """
    page = io.StringIO()
    console = Console(
        file=page,
        width=width,
        height=25,  # A dumb terminal is of 80 columns unless both are given.
        force_terminal=True,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    # Footnotes would be read as addresses of links.
    tokens = MarkdownIt("commonmark").enable("table").disable("reference").parse(markdown)
    before = "heading"
    for block in SyntaxTreeNode(tokens).children:
        shown = list(_block(block, width, box.ASCII2 if ascii_only else box.HORIZONTALS))
        if shown and before != "heading" and block.type != "bullet_list":
            console.print()
        for one in shown:
            console.print(one)
        before = block.type
    return page.getvalue()


def _block(block: SyntaxTreeNode, width: int, lines: box.Box) -> Iterator[RenderableType]:
    """Yields what one block of a page shows; nothing for a block of HTML without text, such as its end."""
    if block.type == "table":
        yield from _tables(block, width, lines)
    elif block.type == "bullet_list":
        for item in block.children:
            grid = Table.grid("", Column(overflow="fold"), padding=(0, 1))
            grid.add_row("-", Text("\n").join(_text(one) for one in item.children))
            yield grid
    elif block.type in ("heading", "paragraph"):
        text = _text(block)
        if block.type == "heading":
            text.stylize("bold")
        yield text
    elif left := _TAG.sub("", block.content).strip():
        yield Text(left)


def _tables(block: SyntaxTreeNode, width: int, lines: box.Box) -> Iterator[RenderableType]:
    """Yields a table, its parts where it has no room for all columns, or each row on lines of its own."""
    rows = [[_text(cell) for cell in row.children] for section in block.children for row in section.children]
    header, *body = ([cell.plain for cell in row] for row in rows)
    strong = {cell.plain for row in rows for cell in row if cell.spans}
    fitted = parts(header, body, width)
    if fitted is None:
        for row in body:
            yield Text("".join(f"{name}: {cell}\n" for name, cell in zip(header, row, strict=True)))
        return
    for number, columns in enumerate(fitted):
        if number:
            yield ""
        one = Table(box=lines, header_style="bold", show_edge=False, pad_edge=False)
        for column in columns:
            name = Text("\n".join(wrapped(column.name, column.width)))
            one.add_column(name, width=column.width, justify="right" if column.numeric else "left")
        for cells in zip(*(column.cells for column in columns), strict=True):
            folded = ("\n".join(wrapped(cell, column.width)) for cell, column in zip(cells, columns, strict=True))
            one.add_row(*(Text(text, _style(cell, cell in strong)) for text, cell in zip(folded, cells, strict=True)))
        yield one


def _style(cell: str, strong: bool) -> str:
    found = next((style for pattern, style in STYLES if pattern.match(cell)), "")
    return f"bold {found}".strip() if strong else found


def _text(block: SyntaxTreeNode) -> Text:
    """Returns the text of a block without blocks in it; a mark of a footnote is its number in brackets."""
    text = Text()
    for one in block.walk():
        if one.type in ("text", "code_inline"):
            strong = one.parent is not None and one.parent.type == "strong"
            text.append(_NOTE.sub(r"[\1]", one.content), "bold" if strong else None)
        elif one.type in ("softbreak", "hardbreak"):
            text.append("\n")
    return text
