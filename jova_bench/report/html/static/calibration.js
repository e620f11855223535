"use strict";
// Curves of a calibration: a metric's value against the strength of a change. Each is drawn when it comes into view.
{
  const { figures } = JSON.parse(document.getElementById("data").textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // The library reads some tags in texts: names are given to it without any.
  const text = (name) => name.replace(/[<>&]/g, (sign) => ({ "<": "\u2039", ">": "\u203a", "&": "+" })[sign]);

  function draw(target) {
    const figure = figures[Number(target.dataset.figure)], line = css("--line"), soft = css("--soft"), ink = css("--m0");
    const axis = (title) => ({
      title: { text: text(title), font: { size: 12, color: soft } }, gridcolor: line, zerolinecolor: line, linecolor: line,
      tickfont: { color: soft, size: 12 }, automargin: true,
    });
    const { points, levels } = figure, ends = points.map((one) => one.ci ?? [one.y, one.y]);
    const trace = {
      x: points.map((one) => one.x), y: points.map((one) => one.y), mode: "lines+markers", cliponaxis: false,
      text: points.map((one) => text(one.says)), hovertemplate: "%{x}: %{y:.4g}<br>%{text}<extra></extra>",
      line: { color: ink, width: 1.5 },
      marker: { size: 8, color: ink, symbol: points.map((one) => (one.differs ? "circle" : "circle-open")) },
      error_y: {
        type: "data", symmetric: false, array: ends.map((end, k) => end[1] - points[k].y),
        arrayminus: ends.map((end, k) => points[k].y - end[0]), color: ink, thickness: 1.2, width: 3,
      },
    };
    const shapes = levels.map((one) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: one.value, y1: one.value, line: { color: soft, width: 1, dash: "dot" },
    }));
    const annotations = levels.map((one, place) => ({
      xref: "paper", x: place ? 0 : 1, xanchor: place ? "left" : "right", y: one.value, yanchor: "bottom",
      text: text(one.name), showarrow: false, font: { size: 11, color: soft },
    }));
    Plotly.react(target, [trace], {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 56, r: 16, t: 12, b: 46 },
      font: { family: getComputedStyle(document.body).fontFamily, color: css("--ink"), size: 13 }, showlegend: false,
      xaxis: axis(figure.x), yaxis: axis(figure.y), shapes, annotations,
    }, { displayModeBar: false, responsive: true });
  }

  const drawn = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      drawn.add(target);
      draw(target);
    }
  }, { rootMargin: "400px" });
  for (const target of document.querySelectorAll("[data-figure]")) observer.observe(target);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
}
