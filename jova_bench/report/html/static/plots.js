"use strict";
// Plots: quality against cost, distributions over prompts, and figures that came with the run. The library is large and
// is loaded when the plots come near the window.
{
  const { data } = report;
  const quality = document.getElementById("quality"), cost = document.getElementById("cost");
  const spread = document.getElementById("spread");
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "star", "hexagon", "cross", "x"];
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
  function drawCost() {
    const column = Number(quality.value), chosen = data.costs[Number(cost.value)];
    const made = layout(chosen.label, data.columns[column].label + arrow(data.columns[column]));
    const traces = [], lines = [], names = [];
    for (const model of shownModels()) {
      const cell = cellOf(column, model), x = chosen.values[model], name = text(data.models[model].name);
      if (!cell || cell[0] === null) continue;
      if (x === null) {
        lines.push({ name, value: cell[0], colour: colour(model) });
        continue;
      }
      names.push({ x, low: cell[1] ?? cell[0], high: cell[2] ?? cell[0], gap: cell[2] === null ? 8 : 4, name });
      traces.push({
        x: [x], y: [cell[0]], name, mode: "markers", cliponaxis: false,
        marker: { size: 12, color: colour(model), symbol: symbol(model) },
        error_y: cell[1] === null ? undefined : { type: "data", symmetric: false, array: [cell[2] - cell[0]], arrayminus: [cell[0] - cell[1]], color: colour(model), thickness: 1.5, width: 5 },
        hovertemplate: `${name}<br>%{y} at %{x}<extra></extra>`,
      });
    }
    // A dashed line says nothing of the range of costs, so the axis begins at zero.
    made.xaxis.rangemode = "tozero";
    const [shapes, annotations] = levels(lines);
    const values = [...names.flatMap((one) => [one.low, one.high]), ...lines.map((one) => one.value)];
    const found = placed(names, Math.max(...names.map((one) => one.x), 0), Math.max(...values) - Math.min(...values));
    Plotly.react("plot-cost", traces, { ...made, shapes, annotations: [...annotations, ...found] }, options);
  }

  /** Names above their intervals, where no whisker crosses them; below, where something is above already. */
  function placed(names, width, height) {
    const box = document.getElementById("plot-cost").getBoundingClientRect();
    const perX = (width || 1) / (box.width - 90), perY = (height || 1) / (box.height - 110); // Of one pixel, about.
    const taken = names.map((one) => ({ of: one, left: one.x - 8 * perX, right: one.x + 8 * perX, low: one.low, high: one.high }));
    return [...names].sort((a, b) => b.high - a.high).map((one) => {
      const half = 3.6 * one.name.length * perX, tall = 22 * perY;
      const above = { left: one.x - half, right: one.x + half, low: one.high, high: one.high + tall };
      const below = { ...above, low: one.low - tall, high: one.low };
      const crossed = (at) => taken.filter((b) => b.of !== one && b.right > at.left && b.left < at.right && b.high > at.low && b.low < at.high).length;
      const up = crossed(above) <= crossed(below);
      taken.push(up ? above : below);
      return {
        x: one.x, y: up ? one.high : one.low, yshift: up ? one.gap : -one.gap, yanchor: up ? "bottom" : "top",
        text: one.name, showarrow: false, font: { size: 12 },
      };
    });
  }

  /** Dotted lines with their names; names of lines that lie close together stand side by side. */
  function levels(lines) {
    const sorted = [...lines].sort((a, b) => a.value - b.value);
    const near = (sorted.at(-1)?.value - sorted[0]?.value) / 18 || 0;
    let x = 1;
    const annotations = sorted.map((one, place) => {
      x = place && one.value - sorted[place - 1].value <= near ? Math.max(0.2, x - 0.16) : 1;
      return { xref: "paper", x, xanchor: "right", y: one.value, yanchor: "bottom", text: text(one.name), showarrow: false, font: { size: 11, color: one.colour } };
    });
    const shapes = sorted.map((one) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: one.value, y1: one.value, line: { color: one.colour, width: 1, dash: "dot" } }));
    return [shapes, annotations];
  }

  function drawSpread() {
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
    Plotly.react("plot-spread", traces, made, options);
  }

  /** Figures made elsewhere bring traces and titles; the look is the page's. */
  function drawFigures() {
    for (const target of document.querySelectorAll("[data-figure]")) {
      const figure = data.figures[Number(target.dataset.figure)], made = layout(figure.x, figure.y);
      const palette = SYMBOLS.map((_, place) => css(`--m${place}`)), count = figure.traces.length;
      const places = figure.ticks.map(([place]) => place);
      const gap = places.length > 1 ? Math.min(...places.slice(1).map((place, before) => place - places[before])) : 1;
      // Points of one place stand side by side.
      const aside = (trace) => (trace - (count - 1) / 2) * gap * Math.min(0.1, 0.5 / count);
      const traces = figure.traces.map((trace, place) => ({
        ...trace, x: trace.x.map((at) => at + aside(place)), text: trace.text.map(text), name: text(trace.name),
        hovertemplate: `%{text}, ${text(trace.name)}: %{y:.4g}<extra></extra>`,
        marker: { ...trace.marker, size: 9, color: palette[place % 8], symbol: SYMBOLS[place % 8] },
        line: { ...trace.line, color: palette[place % 8] },
      }));
      if (count > 1) Object.assign(made, { showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" } });
      Object.assign(made.xaxis, {
        range: figure.range, zeroline: false, tickvals: places, tickangle: 0,
        ticktext: figure.ticks.map(([, label]) => text(label).replace(/([=,;]) ?/g, "$1<br>")),
      });
      const [shapes, annotations] = levels(figure.levels.map((one) => ({ ...one, colour: css("--soft") })));
      Plotly.react(target, traces, { ...made, shapes, annotations }, options);
    }
  }

  function draw() {
    if (!window.Plotly) return;
    drawCost();
    if (spread.options.length) drawSpread();
    drawFigures();
  }

  data.columns.forEach((column, place) => {
    quality.append(new Option(column.label, place));
    if (data.values[place]) spread.append(new Option(column.label, place));
  });
  data.costs.forEach((one, place) => cost.append(new Option(one.label, place)));
  const labels = data.columns.map((one) => one.label);
  for (const [name, list, of] of [["quality", quality, labels], ["cost", cost, data.costs.map((one) => one.label)], ["spread", spread, labels]]) {
    if (!list.options.length) continue;
    address.keepList(name, list, of);
    list.addEventListener("change", () => { draw(); address.write(true); });
  }
  report.listeners.push(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    const script = document.createElement("script");
    script.src = "plotly.min.js";
    script.addEventListener("load", draw);
    document.head.append(script);
  }, { rootMargin: "600px" }).observe(document.getElementById("plots"));
}

// Everything that keeps a choice is here now.
address.listeners.push(() => report.changed());
address.read();
