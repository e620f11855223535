"use strict";
// Plots: quality against cost, distributions over prompts, and figures that came with the run. The library is large and
// is loaded when the plots come near the window.
{
  const { data } = report;
  // Of fewer than two models with a cost there is no such plot.
  const quality = document.getElementById("quality"), cost = document.getElementById("cost");
  const spread = document.getElementById("spread");
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "star", "hexagon", "cross", "x"];
  const SIGNS = ["\u25cf", "\u25a0", "\u25c6", "\u25b2", "\u2605", "\u2b22", "\u271a", "\u2716"]; // The same in a text.
  const options = { displayModeBar: false, responsive: true };

  const css = (name, of = document.documentElement) => getComputedStyle(of).getPropertyValue(name).trim();
  const colour = (model) => css(`--${report.colourClass(model)}`);
  const symbol = (model) => (data.models[model].control ? "circle-open" : SYMBOLS[model % SYMBOLS.length]);
  const arrow = (column) => ({ up: " \u2191", down: " \u2193", target: " \u2192 real" })[column.direction];
  const shownModels = () => [...report.models];
  const cellOf = (column, model) => data.slices[report.slice].cells[column][model];

  // The library reads some tags in texts: names are given to it without any.
  const text = (name) => name.replace(/[<>&]/g, (sign) => ({ "<": "\u2039", ">": "\u203a", "&": "+" })[sign]);

  function layout(x, y) {
    const line = css("--line"), soft = css("--soft");
    const axis = (title) => ({
      title: { text: text(title), font: { size: 12, color: soft } }, gridcolor: line, zerolinecolor: line, linecolor: line,
      tickfont: { color: soft, size: 12 }, automargin: true,
    });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 56, r: 16, t: 18, b: 46 },
      font: { family: getComputedStyle(document.body).fontFamily, color: css("--ink"), size: 13 }, showlegend: false,
      hoverlabel: { font: { family: getComputedStyle(document.body).fontFamily } }, xaxis: axis(x), yaxis: axis(y),
    };
  }

  /** Models with a cost are points with intervals; the others, controls mostly, are lines at their value. */
  function drawCost(target) {
    const column = Number(quality.value), chosen = data.costs[Number(cost.value)];
    const made = layout(chosen.label, data.columns[column].label + arrow(data.columns[column]));
    const traces = [], lines = [], points = [];
    for (const model of shownModels()) {
      const cell = cellOf(column, model), x = chosen.values[model], name = text(data.models[model].name);
      if (!cell || cell[0] === null) continue;
      if (x === null) {
        lines.push({ name, value: cell[0], colour: colour(model) });
        continue;
      }
      points.push({ x, value: cell[0], low: cell[1] ?? cell[0], high: cell[2] ?? cell[0], name });
      traces.push({
        x: [x], y: [cell[0]], name, mode: "markers", cliponaxis: false,
        marker: { size: 12, color: colour(model), symbol: symbol(model) },
        error_y: cell[1] === null ? undefined : { type: "data", symmetric: false, array: [cell[2] - cell[0]], arrayminus: [cell[0] - cell[1]], color: colour(model), thickness: 1.5, width: 5 },
        hovertemplate: `${name}<br>%{y} at %{x}<extra></extra>`,
      });
    }
    // A dotted line says nothing of the range of costs, so the axis begins at zero.
    made.xaxis.rangemode = "tozero";
    drawNamed(target, traces, made, lines, points);
  }

  /** Room for the names of lines. */
  const rightOf = (lines) => Math.max(16, ...lines.map((one) => 12 + labels.width(one.name)));

  /** Draws traces with dotted lines, whose names stand at the right, and names beside points. */
  function drawNamed(target, traces, made, lines, points) {
    const ends = [...points.flatMap((one) => [one.low, one.high]), ...lines.map((one) => one.value)];
    for (const { y, error_y: bar } of traces) {
      y.forEach((value, place) => ends.push(value + (bar?.array[place] ?? 0), value - (bar?.arrayminus[place] ?? 0)));
    }
    const low = Math.min(...ends), high = Math.max(...ends), room = 0.07 * (high - low || Math.abs(high) || 1);
    if (ends.length) made.yaxis.range = [low - room, high + room];
    made.margin.r = rightOf(lines);
    made.shapes = lines.map((one) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: one.value, y1: one.value, line: { color: one.colour, width: 1, dash: "dot" } }));
    Plotly.react(target, traces, made, options);
    // Where a value is in pixels is known once the axes are drawn.
    const { xaxis, yaxis } = target._fullLayout, height = yaxis._length;
    const sorted = [...lines].sort((a, b) => b.value - a.value);
    const levels = labels.spread(sorted.map((one) => yaxis.l2p(one.value)), height).map((at, place) => ({
      xref: "paper", x: 1, xanchor: "left", xshift: 5, yref: "paper", y: 1 - at / height, yanchor: "middle",
      text: sorted[place].name, showarrow: false, font: { size: 11, color: sorted[place].colour },
    }));
    const placed = points.map((one) => ({
      name: one.name, x: xaxis.l2p(one.x), y: yaxis.l2p(one.value), top: yaxis.l2p(one.high), bottom: yaxis.l2p(one.low),
    }));
    const names = labels.beside(placed, xaxis._length, height).map(([left, top], place) => ({
      xref: "paper", x: 0, xanchor: "left", xshift: left, yref: "paper", y: 1 - top / height, yanchor: "top", borderpad: 0,
      text: points[place].name, showarrow: false, font: { size: 12 }, bgcolor: css("--card"),
    }));
    Plotly.relayout(target, { annotations: [...levels, ...names] });
  }

  function drawSpread(target) {
    const column = Number(spread.value), prompts = data.slices[report.slice].prompts;
    const made = layout("", data.columns[column].label + arrow(data.columns[column]));
    const traces = shownModels().map((model) => {
      const values = prompts.map((prompt) => data.values[column][model][prompt]);
      const there = prompts.filter((_, place) => typeof values[place] === "number");
      return {
        type: "box", name: text(data.models[model].name), y: there.map((prompt) => data.values[column][model][prompt]),
        text: there.map((prompt) => text(data.prompts[prompt].id)), boxpoints: "all", jitter: 0.6, pointpos: 0,
        marker: { size: 3, color: colour(model), opacity: 0.55 }, line: { width: 1.4, color: colour(model) },
        fillcolor: "rgba(0,0,0,0)", hovertemplate: "%{text}: %{y}<extra></extra>",
      };
    });
    Plotly.react(target, traces, made, options);
  }

  /** Figures made elsewhere bring traces and titles; the look is the page's. */
  function drawFigure(target) {
    const figure = data.figures[Number(target.dataset.figure)], made = layout(figure.x, "");
    const lines = figure.levels.map((one) => ({ ...one, name: text(one.name), colour: css("--soft") }));
    const pixel = (target.clientWidth - 56 - rightOf(lines)) / (figure.range[1] - figure.range[0]);
    const places = figure.ticks.map(([place]) => place), count = 1 + Math.max(...figure.traces.map((trace) => trace.symbol));
    const gap = Math.min(...places.slice(1).map((place, before) => place - places[before]));
    // Trainings of one place stand side by side, near it.
    const aside = (trace) => (trace.symbol - (count - 1) / 2) * Math.min(gap / 2 / count, 8 / pixel);
    const traces = figure.traces.map((trace) => {
      const ink = css(`--m${trace.colour % 8}`);
      return {
        ...trace, x: trace.x.map((at) => at + aside(trace)), text: trace.text.map(text), name: text(trace.name),
        hovertemplate: `%{text}, ${text(trace.name)}: %{y:.4g}<extra></extra>`,
        marker: { ...trace.marker, size: 9, color: ink, symbol: SYMBOLS[trace.symbol % 8] }, line: { ...trace.line, color: ink },
      };
    });
    const legend = target.previousElementSibling;
    if (legend.matches(".series")) {
      legend.replaceChildren(...[...new Set(figure.traces.map((trace) => trace.name))].map((name) => {
        const trace = figure.traces.find((one) => one.name === name), item = report.element("li", `m${trace.colour % 8}`, name);
        item.prepend(report.element("i", "", `${SIGNS[trace.symbol % 8]} `));
        return item;
      }));
    }
    const ticks = figure.ticks.map(([, label]) => text(label).replace(/([=,;]) ?/g, "$1\n").split("\n"));
    const lower = labels.lowered(ticks.map((lines, place) => [places[place] * pixel, lines]));
    Object.assign(made.xaxis, {
      range: figure.range, zeroline: false, tickvals: places, tickangle: 0,
      ticktext: ticks.map((lines, place) => "<br>".repeat(lower[place]) + lines.join("<br>")),
    });
    drawNamed(target, traces, made, lines, []);
  }

  data.columns.forEach((column, place) => {
    quality?.append(new Option(column.label, place));
    if (data.values[place]) spread?.append(new Option(column.label, place));
  });
  data.costs.forEach((one, place) => cost?.append(new Option(one.label, place)));
  const columns = data.columns.map((one) => one.label), costs = data.costs.map((one) => one.label);
  for (const [name, list, of] of [["quality", quality, columns], ["cost", cost, costs], ["spread", spread, columns]]) {
    if (!list) continue;
    address.keepList(name, list, of);
    list.addEventListener("change", () => { choose(); address.write(true); });
  }

  // A plot is drawn when it comes near the window, and again when something that it shows changes.
  const drawn = new Map();
  const draw = () => drawn.forEach((show, target) => show(target));
  const choose = () => drawn.forEach((show, target) => { if (show !== drawFigure) show(target); });
  let library = null;
  const load = () => new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = "plotly.min.js";
    script.addEventListener("load", resolve);
    document.head.append(script);
  });
  const near = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(target);
      const show = { "plot-cost": drawCost, "plot-spread": drawSpread }[target.id] ?? drawFigure;
      library ??= load();
      library.then(() => { drawn.set(target, show); show(target); });
    }
  }, { rootMargin: "600px" });
  for (const target of document.querySelectorAll(".plot")) near.observe(target);
  report.listeners.push(choose);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("resize", draw);
}

// Everything that keeps a choice is here now.
address.listeners.push(() => report.changed());
address.read();
