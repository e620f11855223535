"use strict";
// The leaderboard: fills its cells with the numbers of a slice, and shows the chosen metrics and models.
{
  const { data } = report;
  const board = document.getElementById("board");
  const rows = [...board.querySelectorAll("tr[data-model]")];
  const VALUE = 0, LOW = 1, HIGH = 2, PLACES = 3, OK = 4, UNDEFINED = 5, FAILED = 6; // As data.py writes a cell.

  const cellOf = (column, model) => data.slices[report.slice].cells[column][model];

  /** The words of a cell without a value. */
  function noValue(cell) {
    if (!cell) return "not measured";
    return [cell[UNDEFINED] ? "undefined" : "", cell[FAILED] ? "failed" : ""].filter(Boolean).join(" and ") || "undefined";
  }

  /** How many clips are what, as the page wrote it. */
  function counts(cell) {
    return [[OK, "ok"], [UNDEFINED, "undefined"], [FAILED, "failed"]]
      .filter(([at]) => cell[at]).map(([at, word]) => `${cell[at]} ${word}`).join(", ");
  }

  function fill(td, cell, range, whole) {
    const value = td.querySelector(".value"), interval = td.querySelector(".interval");
    const known = cell && cell[VALUE] !== null;
    value.textContent = known ? report.number(cell[VALUE], cell[PLACES]) : noValue(cell);
    value.classList.toggle("none", !known);
    const hasInterval = known && cell[LOW] !== null;
    interval.textContent = hasInterval ? `[${[LOW, HIGH].map((at) => report.number(cell[at], cell[PLACES])).join(", ")}]` : "";
    const partial = cell && (cell[UNDEFINED] || cell[FAILED]);
    td.querySelector(".count").textContent = partial ? counts(cell) : "";
    for (const rank of td.querySelectorAll(".rank")) rank.hidden = !whole;
    const note = td.querySelector(".note");
    if (note) note.hidden = !partial;
    draw(td.querySelector(".bar"), known ? cell : null, range);
  }

  /** The interval and the mean on a track as wide as the column's range. */
  function draw(bar, cell, [low, high]) {
    bar.replaceChildren();
    bar.classList.toggle("empty", !cell || high === low);
    if (!cell || high === low) return;
    const at = (value) => (100 * (value - low)) / (high - low);
    if (cell[LOW] !== null) {
      const span = report.element("i");
      span.style.left = `${at(cell[LOW])}%`;
      span.style.width = `${at(cell[HIGH]) - at(cell[LOW])}%`;
      bar.append(span);
    }
    const tick = report.element("b");
    tick.style.left = `${at(cell[VALUE])}%`;
    bar.append(tick);
  }

  /** Lowest and highest end of the intervals of a column's shown models. */
  function rangeOf(column) {
    const ends = [...report.models].map((model) => cellOf(column, model)).filter((cell) => cell && cell[VALUE] !== null)
      .flatMap((cell) => (cell[LOW] === null ? [cell[VALUE]] : [cell[VALUE], cell[LOW], cell[HIGH]]));
    return [Math.min(...ends), Math.max(...ends)];
  }

  function show() {
    data.columns.forEach((_, column) => {
      const range = rangeOf(column);
      for (const row of rows) {
        const model = Number(row.dataset.model);
        fill(row.querySelector(`td[data-column="${column}"]`), cellOf(column, model), range, report.slice === 0);
      }
    });
    for (const row of rows) row.hidden = !report.models.has(Number(row.dataset.model));
    for (const body of board.tBodies) body.hidden = ![...body.rows].some((row) => row.dataset.model && !row.hidden);
  }

  function showFamily() {
    const chosen = document.querySelector("#families input:checked").value;
    for (const cell of board.querySelectorAll("[data-family]")) {
      cell.hidden = chosen !== "" && cell.dataset.family !== chosen;
    }
  }

  /** What a header sorts a row by. */
  function keyOf(header, row) {
    const model = Number(row.dataset.model);
    if (header.dataset.column !== undefined) return cellOf(Number(header.dataset.column), model)?.[VALUE];
    if (header.dataset.cost !== undefined) return data.costs[Number(header.dataset.cost)].values[model];
    return data.models[model].name;
  }

  function sort(header, ascending) {
    for (const body of board.tBodies) {
      const inside = [...body.rows].filter((row) => row.dataset.model !== undefined);
      inside.sort((a, b) => report.compare(keyOf(header, a), keyOf(header, b), ascending));
      body.append(...inside);
    }
  }

  /** Sorts again by the header that was pressed last. */
  function sortAgain() {
    const header = board.tHead.querySelector("[aria-sort]");
    if (header) sort(header, header.getAttribute("aria-sort") === "ascending");
  }

  report.sortable(board, (header) => data.columns[Number(header.dataset.column)]?.direction === "up", sort);
  document.getElementById("slice").addEventListener("change", (event) => {
    report.slice = Number(event.target.value);
    report.changed();
  });
  document.getElementById("families").addEventListener("change", showFamily);
  document.getElementById("models").addEventListener("change", (event) => {
    const model = Number(event.target.value);
    if (event.target.checked) report.models.add(model);
    else report.models.delete(model);
    report.changed();
  });
  // A browser that goes back to a page keeps what was chosen.
  report.slice = Number(document.getElementById("slice").value);
  for (const box of document.querySelectorAll("#models input")) if (box.checked) report.models.add(Number(box.value));
  for (const row of rows) {
    const colour = report.colourClass(row.dataset.model);
    for (const bar of row.querySelectorAll(".bar")) bar.classList.add(colour);
  }
  report.listeners.push(show, sortAgain);
  show();
  showFamily();
}
