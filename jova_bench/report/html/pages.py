"""Fills the templates: the first page, and a page per prompt. Every text is escaped by the template engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jova_bench.comparison.compare import REAL
from jova_bench.errors import BenchError
from jova_bench.formatting.text import decimals, number
from jova_bench.keys import Slice
from jova_bench.metrics.labels import ARROWS
from jova_bench.models.registry import CONTROLS
from jova_bench.records import Outcome
from jova_bench.report.cells import Column, extrapolated, no_value
from jova_bench.report.clip_counts import ABOUT_CLIPS, clips_rows
from jova_bench.report.common import COMMON
from jova_bench.report.html.data import ALL
from jova_bench.report.html.takes import Asked, Take
from jova_bench.report.html.tracks import curve_path, sound_path
from jova_bench.report.html.view import CURVE_HZ
from jova_bench.report.html.votes import section
from jova_bench.report.html.words import Word, aligned
from jova_bench.report.leaderboard import Leaderboard
from jova_bench.report.native_formats import about_formats, format_rows
from jova_bench.report.notes import Notes
from jova_bench.report.reported import ABOUT, Reported
from jova_bench.report.statements import averages, untested_text
from jova_bench.summary import ABOUT_ATTEMPTS, Estimate, attempts_text
from jova_bench.votes.fit import VoteFit

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
COLOURS = 8
"""Number of colours of models; controls have shades of grey."""


@dataclass(frozen=True)
class Listened:
    """Holds what one recogniser transcribed of a take."""

    label: str
    words: tuple[Word, ...]
    reason: str | None
    """Reason why the text is unknown."""
    rate: Outcome | None


@dataclass(frozen=True)
class Card:
    """Holds a take as its page shows it."""

    take: Take
    name: str
    colour: str
    sound: str
    seen: str
    heard: str
    """SVG path of the mouth opening predicted from audio."""
    offsets: tuple[tuple[str, str], ...]
    """(labels of the evaluators, offset) pairs."""
    listened: tuple[Listened, ...]


@cache
def environment() -> jinja2.Environment:
    """Returns templates that escape text and fail on unknown names, for all pages of a process.

    Raises BenchError without the package.
    """
    try:
        import jinja2
    except ImportError as error:
        raise BenchError("not installed: pip install 'jova-bench[report]'") from error
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = (outcome_text, counts_text, mean_text, interval_text, extrapolated)
    made.globals |= {"arrows": ARROWS, **{one.__name__: one for one in texts}}
    return made


def index_page(
    env: jinja2.Environment,
    board: Leaderboard,
    data: Mapping[str, Any],
    asked: Sequence[Asked],
    reported: Reported | None,
    sweeps: Sequence[Mapping[str, Any]],
    votes: VoteFit | None = None,
) -> str:
    """Renders the leaderboard, plots, prompts and footnotes."""
    notes = Notes()
    columns = [(place, column, _description_of(board, column)) for place, column in enumerate(board.columns)]
    return env.get_template("index.html").render(
        root="",
        about=board.about(),
        board=board,
        columns=columns,
        groups=_groups(board.models),
        colours=colours(board.models),
        costs=[(one["label"], one["values"]) for one in data["costs"]],
        priced=sum(
            any(one["values"][place] is not None for one in data["costs"]) for place in range(len(board.models))
        ),
        note=lambda estimate: notes.number(estimate.reasons),
        notes=notes,
        places={model: place for place, model in enumerate(board.models)},
        asked=asked,
        slices=slice_groups(data["slices"]),
        reported=reported,
        sweeps=sweeps,
        ratings=data["figures"][: len(data["figures"]) - sum(len(one["figures"]) for one in sweeps)],
        votes=section(votes) if votes else None,
        about_reported=ABOUT,
        averages=f"M{averages(board.columns, board.manifest)[1:]}",
        untested=untested_text(board.columns, board.untested),
        attempts=f"{ABOUT_ATTEMPTS} {attempts_text(board.attempts)}." if board.attempts else "",
        made=_clip_tables(board),
        values=data["values"],
    )


def _clip_tables(board: Leaderboard) -> list[tuple[str, str, str, list[str], list[list[str]]]]:
    """Returns tables of the clips themselves: title, `numbers` or `text`, description, header, rows."""
    formats = format_rows(board.models, board.manifest)
    found = []
    if board.made:
        found.append(("Clips", "numbers", ABOUT_CLIPS, *clips_rows(board.models, board.made, board.attempts)))
    found.append(("Native formats and settings", "text", about_formats(board.manifest.card), *formats))
    return found


def prompt_page(env: jinja2.Environment, board: Leaderboard, asked: Sequence[Asked], place: int) -> str:
    """Renders one prompt: its models side by side on one clock."""
    one = asked[place]
    longest = max((take.view.seconds for take in one.takes if take.view), default=0.0)
    cards = [_card(board, one, take, longest) for take in one.takes]
    return env.get_template("prompt.html").render(
        root="../",
        about=board.about(),
        one=one,
        place=place,
        total=len(asked),
        before=asked[place - 1].page if place else None,
        after=asked[place + 1].page if place + 1 < len(asked) else None,
        longest=longest,
        groups=_side_by_side(cards),
        cards=cards,
        families=_scored(board, cards),
    )


def _side_by_side(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Groups models and controls. A lone model stands in one row with the controls, next to the real clips."""
    models = [card for card in cards if card.take.model not in CONTROLS]
    controls = [card for card in cards if card.take.model in CONTROLS]
    if controls and len({card.take.model for card in models}) == 1:
        by_real = sorted(controls, key=lambda card: card.take.model != REAL)
        return [("Model and controls", [*models, *by_real])]
    return [group for group in (("Models", models), ("Controls", controls)) if group[1]]


def colours(models: Sequence[str]) -> dict[str, str]:
    """Returns a class name per model: colours for models, greys for controls."""
    ranked = [model for model in models if model not in CONTROLS]
    found = {model: f"m{place % COLOURS}" for place, model in enumerate(ranked)}
    return found | {model: f"c{CONTROLS.index(model)}" for model in models if model in CONTROLS}


def outcome_text(outcome: Outcome) -> str:
    """Formats a value, or its status."""
    if outcome.value is None:
        return outcome.status
    return _number(outcome.value, 0 if outcome.value.is_integer() else decimals(outcome.value, None))


def mean_text(estimate: Estimate) -> str:
    """Formats the value alone, or the status for why there is none."""
    if estimate.value is None:
        return no_value(estimate)
    return _number(estimate.value, decimals(estimate.value, estimate.ci))


def interval_text(estimate: Estimate) -> str:
    """Formats `[low, high]`, or returns an empty text."""
    if estimate.value is None or estimate.ci is None:
        return ""
    places = decimals(estimate.value, estimate.ci)
    return f"[{', '.join(_number(end, places) for end in estimate.ci)}]"


def counts_text(estimate: Estimate) -> str:
    """Formats the counts of clips by status, where not all are ok."""
    counts = {"ok": estimate.n_ok, "undefined": estimate.n_undefined, "failed": estimate.n_failed}
    partial = estimate.n_undefined or estimate.n_failed
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) if partial else ""


def _number(value: float, places: int) -> str:
    return number(value, places).replace("-", "\N{MINUS SIGN}")


def _groups(models: Sequence[str]) -> list[tuple[str, list[str]]]:
    parted = [
        ("Models", [model for model in models if model not in CONTROLS]),
        ("Controls", [model for model in models if model in CONTROLS]),
    ]
    return [group for group in parted if group[1]]


def slice_groups(slices: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[tuple[int, str, int]]]]:
    """Groups slices by tag: (index, value, number of prompts); all prompts, and those of every model, have no tag."""
    found: dict[str, list[tuple[int, str, int]]] = {}
    for place, one in enumerate(slices):
        name = one["name"]
        tag, value = ("", name) if name in (ALL, COMMON) else Slice.parse(name)
        found.setdefault(tag, []).append((place, value, len(one["prompts"])))
    return list(found.items())


def _description_of(board: Leaderboard, column: Column) -> str:
    """Returns one line on what a column measures, from the run's own specification."""
    return next((spec.description for spec in board.manifest.specs if spec.identity == column.identity), "")


def _card(board: Leaderboard, one: Asked, take: Take, longest: float) -> Card:
    view = take.view
    several = len({other.seed for other in one.takes}) > 1
    share = view.seconds / longest if view and longest else 1.0
    return Card(
        take=take,
        name=f"{take.model}, seed {take.seed}" if several else take.model,
        colour=colours(board.models).get(take.model, "c0"),
        sound=sound_path(view.outline, share) if view else "",
        seen=curve_path(view.opening_seen, CURVE_HZ, longest, filled=True) if view else "",
        heard=curve_path(view.opening_heard, CURVE_HZ, longest, filled=False) if view else "",
        offsets=_offsets(board, take),
        listened=tuple(_listened(board, one, take)),
    )


def _offsets(board: Leaderboard, take: Take) -> tuple[tuple[str, str], ...]:
    found: dict[str, list[str]] = {}
    for column in board.columns:
        if column.identity in take.scores and column.identity.name == "av_offset_frames":
            found.setdefault(_offset(take.scores[column.identity]), []).append(column.label)
    return tuple((", ".join(labels), words) for words, labels in found.items())


def _offset(outcome: Outcome) -> str:
    if outcome.value is None:
        return f"{outcome.status}: {outcome.reason}"
    frames = round(abs(outcome.value))
    if not frames:
        return "in sync"
    return f"sound {frames} frame{'s' * (frames > 1)} {'early' if outcome.value > 0 else 'late'}"


def _listened(board: Leaderboard, one: Asked, take: Take) -> list[Listened]:
    """Returns transcripts by recogniser: one that counts words represents the one that counts characters."""
    if not take.view or not one.prompt.transcript.strip():
        return []
    heard = take.view.heard
    for name in ("wer", "cer"):
        found = [column for column in board.columns if column.identity in heard and column.identity.name == name]
        if found:
            break
    return [
        Listened(
            column.label,
            aligned(one.prompt.transcript, recognised.text, one.prompt.language) if recognised.text is not None else (),
            recognised.reason,
            take.scores.get(column.identity),
        )
        for column in found
        for recognised in [heard[column.identity]]
    ]


def _scored(board: Leaderboard, cards: Sequence[Card]) -> list[tuple[str, list[tuple[Column, list[Outcome | None]]]]]:
    """Groups by family each column of clip metrics, with the outcome of every card."""
    found: dict[str, list[tuple[Column, list[Outcome | None]]]] = {}
    for column in board.columns:
        row = [card.take.scores.get(column.identity) for card in cards]
        if any(row):
            found.setdefault(column.family, []).append((column, row))
    return list(found.items())
