"""The verb that shows pages of runs in a browser of this machine: view."""

from __future__ import annotations

import argparse
from pathlib import Path

from jova_bench.cli.base import Verbs, add_verb
from jova_bench.errors import EXIT_OK
from jova_bench.output import show

EXAMPLES = """  jova-bench view
  jova-bench view runs/embedded-0a1b2c3d
  jova-bench view runs --port 0 --open

Shows the pages that `report --html` wrote, of a folder of runs with a list of them. The server is for browsers on this
machine (others reach it by `ssh -L 8000:localhost:8000`) and changes nothing. Ctrl-C ends it."""


def add(verbs: Verbs) -> None:
    """Adds the verb `view`."""
    view = add_verb(verbs, "view", "show pages of runs to browsers of this machine", EXAMPLES, _view)
    view.add_argument(
        "folder", nargs="?", type=Path, default=Path("runs"), metavar="RUN|DIR",
        help="run folder with pages, or a folder of runs (default: runs)",
    )  # fmt: skip
    view.add_argument("--port", type=int, default=8000, metavar="N", help="0 for any that is free (default 8000)")
    view.add_argument("--open", action="store_true", help="open the browser, too")


def _view(args: argparse.Namespace) -> int:
    from jova_bench.report.serve import page_server
    from jova_bench.web.local import HOST

    with page_server(args.folder, args.port) as serving:
        address = f"http://{HOST}:{serving.server_port}/"
        show(f"{address}\n")
        if args.open:
            import webbrowser

            webbrowser.open(address)
        serving.serve_forever()
    return EXIT_OK
