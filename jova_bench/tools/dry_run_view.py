"""Shows a plan of `run --dry-run`: a table of the models, and below it what a reader needs to decide."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from jova_bench.formatting.text import UNKNOWN, counted, size_text
from jova_bench.tools.planned_run import HOUR_S, DryRun, ModelPlan

HEADER = ("Model", "Clips", "Cannot", "Each clip", "Download", "GPU memory", "Seconds a clip", "Hours", "Price")
FEW = 3
"""Number of ids that a line shows of many."""
LONG_PRICE = 1e12
"""Price from which its digits are no longer written out."""
LONGEST = 160
"""Maximum number of characters of a reason; JSON has all of it."""


def title(plan: DryRun) -> list[str]:
    """Returns the lines above the table: what is planned, and in short what it would take."""
    seeds = ", ".join(map(str, plan.seeds))
    price = "" if plan.price_per_hour is None else f", {plan.price_per_hour:g} an hour for each"
    ready = [one.name for one in plan.models if one.why_not is None]
    able = [one.name for one in plan.models if one.to_make or one.made]
    size, unknown = plan.download
    free = next(iter(plan.free_bytes.values()))
    lacks = f", which is {size_text(size - free)} too little" if size > free else ""
    row = _all(plan)
    unclear = [one.name for one in plan.models if plan.hours(one) is None]
    by = " by published times" * any(one.estimated for one in plan.models)
    without = f", without {', '.join(unclear)}" if unclear else ""
    return [
        f"Plan of {counted(plan.prompts, 'prompt')} of {plan.suite}, seeds {seeds}, profile {plan.profile}, into "
        f"{plan.folder}. Nothing was made.",
        f"Devices: {plan.devices}{price}.",
        f"Of {counted(len(plan.models), 'model')} {len(able)} can do prompts of it, and {len(ready)} can start on this "
        f"machine. To fetch: {size_text(size, bool(unknown))}, with {size_text(free)} free{lacks}. "
        f"Hours: {row[7]}{by}{without}.{f' Price: {row[8]}.' if row[8] else ''}",
    ]


def rows(plan: DryRun) -> list[list[str]]:
    """Returns a row for each model, and one for all where there are several."""
    body = [_row(plan, one) for one in plan.models]
    return [*body, _all(plan)] if len(body) > 1 else body


def notes(plan: DryRun, suite: str) -> Iterator[str]:
    """Yields the lines below the table: of each model, then of metrics and disks; `suite` is as the command has it."""
    for one in plan.models:
        yield from (f"{one.name}: {line}" for line in _notes(plan, one, suite))
    if plan.metric_weights:
        sizes = [one.size for one in plan.metric_weights]
        needed = size_text(sum(one or 0 for one in sizes), None in sizes)
        names = " ".join(one.name for one in plan.metric_weights)
        terms = "".join(f" --accept {term}" for term in sorted({one.terms for one in plan.metric_weights if one.terms}))
        yield (
            f"metrics: {counted(len(plan.metric_weights), 'file')} of weights to fetch, {needed}, or they fail: "
            f"jova-bench assets pull {names}{terms}"
        )
    size, unknown = plan.download
    for path, free in plan.free_bytes.items():
        yield f"disk of this machine: {size_text(free)} free for {path}"
    if plan.clip_bytes:
        yield f"disk: clips take {size_text(plan.clip_bytes)}, as large as those that were measured"
    unsized = (*unknown, *plan.unsized)
    more = f", besides {', '.join(unsized)}, of unknown size" if unsized else ""
    yield f"to fetch in all: {size_text(size, bool(unknown))}{more}"
    yield "hours are those of generation, without loading weights or scoring"


def _row(plan: DryRun, one: ModelPlan) -> list[str]:
    lost = sum(map(len, one.cannot.values()))
    hours, price = plan.hours(one), plan.price(one)
    return [
        one.name,
        f"{one.to_make:,}" + (f" ({one.made:,} made)" if one.made else ""),
        f"{lost:,}",
        _few(one.formats),
        _download(one),
        _memory(one),
        _seconds(one),
        UNKNOWN if hours is None else f"{_about(one)}{hours:.3g}",
        _price(plan, one, price),
    ]


def _all(plan: DryRun) -> list[str]:
    hours = [plan.hours(one) for one in plan.models]
    # One model after the other, as `run` does it.
    known = sum(one for one in hours if one is not None)
    prices = [plan.price(one) for one in plan.models]
    currencies = {one.currency for one, price in zip(plan.models, prices, strict=True) if price is not None}
    costs = sum(one for one in prices if one is not None)
    size, unknown = plan.download
    priced = len(currencies) == 1
    about = next((text for one in plan.models if (text := _about(one))), "")
    return [
        "all",
        f"{sum(one.to_make for one in plan.models):,}",
        f"{sum(len(ids) for one in plan.models for ids in one.cannot.values()):,}",
        "",
        size_text(size, bool(unknown)),
        "",
        "",
        f"{about or 'at least ' * (None in hours)}{known:.3g}",
        f"{about or 'at least ' * (None in prices)}{_money(costs)} {next(iter(currencies)) or ''}".rstrip()
        if priced
        else "",
    ]


def _notes(plan: DryRun, one: ModelPlan, suite: str) -> Iterator[str]:
    if one.why_not:
        yield f"{'not ready on this machine' if one.formats else 'left out'}: {one.why_not}"
    if one.asked_for:
        yield f"of those to make, {counted(one.asked_for, 'clip')} asked for and paid for already"
    if one.off_card:
        yield one.off_card
    for why, ids in one.cannot.items():
        more = f" and {len(ids) - FEW:,} more" if len(ids) > FEW else ""
        short = why if len(why) <= LONGEST else f"{why[:LONGEST]}…"
        because = ", the first because" * (len(ids) > 1)
        yield f"cannot do {counted(len(ids), 'prompt')} ({', '.join(ids[:FEW])}{more}){because}: {short}"
    needs = one.requirements
    if needs is not None:
        if needs.unpinned:
            yield f"unpinned weights: {', '.join(needs.unpinned)}; what is fetched now may differ from what others have"
        terms = sorted({f"{weights.licence} ({weights.terms})" for weights in needs.weights if weights.terms})
        licences = sorted({weights.licence for weights in needs.weights if not weights.terms})
        if needs.weights:
            yield f"licences of weights: {', '.join((*terms, *licences))}"
        if needs.memory_note:
            yield f"memory: {needs.memory_note}"
        there = plan.devices.memory_bytes
        if needs.gpu_gb is not None and there is not None and needs.gpu_gb * 1e9 > there:
            yield f"memory: {needs.gpu_gb:g} GB are more than the {size_text(there)} of the smallest device"
    if one.to_make and not one.copies:
        yield from _times(plan, one, suite)


def _times(plan: DryRun, one: ModelPlan, suite: str) -> Iterator[str]:
    """Yields where the seconds of a clip are from, and how to measure them."""
    if (of_run := one.measured) is not None:
        yield f"time: measured, {counted(of_run.clips, 'clip')} on {of_run.device} in {of_run.run}"
    elif (found := one.published) is not None:
        what = "published"
        if one.seconds is None:
            hours = one.to_make * found.seconds / HOUR_S
            such = "clips" if not one.published_fits else "devices"
            what = f"unknown for these {such}; {hours:.3g} device hours if they were like one that was published:"
        yield f"time: {what} {found.seconds:g} s on {found.device} for {found.setting} ({found.note})"
    else:
        yield "time: unknown, neither measured nor published"
    if one.measured is None and one.at_once is None:
        pilot = str(plan.folder.parent / "pilot")
        words = ("generate", "--model", one.asked, "--suite", suite, "--limit", "2", "--out", pilot)
        yield f"to measure it: jova-bench {shlex.join(words)}"


def _download(one: ModelPlan) -> str:
    needs = one.requirements
    if needs is None:
        return "" if one.copies else "not stated"
    size, unknown = needs.missing
    return size_text(size, bool(unknown))


def _memory(one: ModelPlan) -> str:
    if one.measured is not None and one.measured.peak_memory_bytes:
        return f"{size_text(one.measured.peak_memory_bytes)} measured"
    stated = one.requirements.gpu_gb if one.requirements is not None else None
    if stated is None:
        return "" if one.copies else "not stated"
    return f"{stated:g} GB stated"


def _seconds(one: ModelPlan) -> str:
    if not one.to_make:
        return ""
    if one.copies:
        return "copies files"
    if one.seconds is None:
        return UNKNOWN
    found = one.measured or one.published
    return f"{one.seconds:.3g} {_source(one)}{f' ({found.device})' if found else ''}"


def _source(one: ModelPlan) -> str:
    return "published" if one.measured is None else "measured"


def _about(one: ModelPlan) -> str:
    """Returns what precedes hours and prices that follow from a published time, which are no bounds."""
    return "about " * one.estimated


def _money(price: float) -> str:
    return f"{price:,.2f}" if price < LONG_PRICE else f"{price:.3g}"


def _price(plan: DryRun, one: ModelPlan, price: float | None) -> str:
    if price is None:
        # What a server asks is not the price of an hour of a device.
        asked = plan.price_per_hour is not None or one.at_once is not None
        return UNKNOWN if asked and one.device_hours is None else ""
    about = _about(one) * (one.price_per_clip is None)
    return f"{about}{_money(price)} {one.currency or ''}".rstrip()


def _few(formats: Any) -> str:
    common = [name for name, _ in formats.most_common(1)] if hasattr(formats, "most_common") else list(formats)[:1]
    more = f" and {len(formats) - 1} other formats" if len(formats) > 1 else ""
    return f"{common[0]}{more}" if common else ""


def record(plan: DryRun) -> dict[str, Any]:
    """Returns the plan as an object for programs: bytes, seconds and hours, null where nothing states them."""
    size, unknown = plan.download
    return {
        "schema": 1,
        "suite": plan.suite,
        "prompts": plan.prompts,
        "seeds": list(plan.seeds),
        "profile": plan.profile,
        "folder": str(plan.folder),
        "devices": list(plan.devices.names),
        "device_names": list(plan.devices.called),
        "workers": plan.workers,
        "price_per_hour": plan.price_per_hour,
        "models": [_record(plan, one) for one in plan.models],
        "metric_weights": [
            {"name": one.name, "bytes": one.size, "command": one.command} for one in plan.metric_weights
        ],
        "download_bytes": size,
        "download_unknown": list(unknown),
        "download_unsized": list(plan.unsized),
        "clip_bytes": plan.clip_bytes or None,
        "free_bytes": {str(path): free for path, free in plan.free_bytes.items()},
    }


def _record(plan: DryRun, one: ModelPlan) -> dict[str, Any]:
    needs = one.requirements
    return {
        "model": one.name,
        "asked": one.asked,
        "why_not": one.why_not,
        "clips_to_make": one.to_make,
        "clips_made": one.made,
        "clips_asked_for": one.asked_for,
        "off_card": one.off_card,
        "cannot": {why: list(ids) for why, ids in one.cannot.items()},
        "formats": dict(one.formats),
        "weights": [] if needs is None else [asdict(weights) for weights in needs.weights],
        "setup": None if needs is None else needs.setup,
        "memory_note": needs.memory_note if needs is not None else "",
        "gpu_gb_stated": None if needs is None else needs.gpu_gb,
        "peak_memory_bytes_measured": one.measured.peak_memory_bytes if one.measured else None,
        "seconds_per_clip": one.seconds,
        "seconds_are": None if one.seconds is None else _source(one),
        "seconds_of": _seconds_of(one),
        "device_hours": one.device_hours,
        "hours": plan.hours(one),
        "price": plan.price(one),
        "currency": one.currency,
    }


def _seconds_of(one: ModelPlan) -> dict[str, Any] | None:
    found = one.measured or one.published
    if found is None:
        return None
    return {key: str(value) if key == "run" else value for key, value in asdict(found).items()}
