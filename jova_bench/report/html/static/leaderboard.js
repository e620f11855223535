"use strict";
// The leaderboard: fills its cells with the numbers of a slice, and shows the chosen metrics and models.
{
  const { data } = report;
  const board = document.getElementById("board");
  const rows = [...board.querySelectorAll("tr[data-model]")];
  const VALUE = 0, LOW = 1, HIGH = 2, PLACES = 3, OK = 4, UNDEFINED = 5, FAILED = 6; // As data.py writes a cell.

  const families = document.getElementById("families");
  const asWritten = new Map([...board.tBodies].map((body) => [body, [...body.rows]]));

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

  function fill(td, cell, range) {
    const value = td.querySelector(".value"), interval = td.querySelector(".interval");
    const known = cell && cell[VALUE] !== null;
    value.textContent = known ? report.number(cell[VALUE], cell[PLACES]) : noValue(cell);
    value.classList.toggle("none", !known);
    const hasInterval = known && cell[LOW] !== null;
    interval.textContent = hasInterval ? `[${[LOW, HIGH].map((at) => report.number(cell[at], cell[PLACES])).join(", ")}]` : "";
    const partial = cell && (cell[UNDEFINED] || cell[FAILED]);
    td.querySelector(".count").textContent = partial ? counts(cell) : "";
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
  function rangeOf(column, models) {
    const ends = [...models].map((model) => cellOf(column, model)).filter((cell) => cell && cell[VALUE] !== null)
      .flatMap((cell) => (cell[LOW] === null ? [cell[VALUE]] : [cell[VALUE], cell[LOW], cell[HIGH]]));
    return [Math.min(...ends), Math.max(...ends)];
  }

  const valuesOf = (cell, models) => rows.filter((row) => models.has(Number(row.dataset.model)))
    .map((row) => row.querySelector(`${cell} .value`));

  function show() {
    const models = report.models;
    board.classList.toggle("whole", report.slice === 0);
    data.columns.forEach((_, column) => {
      const range = rangeOf(column, models);
      for (const row of rows) {
        fill(row.querySelector(`td[data-column="${column}"]`), cellOf(column, Number(row.dataset.model)), range);
      }
      report.align(valuesOf(`[data-column="${column}"]`, models));
    });
    data.costs.forEach((_, cost) => report.align(valuesOf(`[data-cost="${cost}"]`, models)));
    for (const row of rows) row.hidden = !models.has(Number(row.dataset.model));
    for (const body of board.tBodies) body.hidden = ![...body.rows].some((row) => row.dataset.model && !row.hidden);
    sort();
  }

  function showFamily() {
    const chosen = families.querySelector("input:checked").value;
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

  function sort() {
    sorting.mark();
    const header = board.tHead.querySelector("[aria-sort]");
    for (const [body, written] of asWritten) {
      const inside = written.filter((row) => row.dataset.model !== undefined);
      if (header) inside.sort((a, b) => order.compare(keyOf(header, a), keyOf(header, b), sorting.ascending));
      body.append(...inside);
    }
  }

  const headers = [...board.tHead.querySelectorAll("[data-sort]")];
  const goesUp = (header) => data.columns[Number(header.dataset.column)]?.direction === "up";
  const sorting = report.sortable(board, "sort", null, headers.map((one) => one.dataset.sort), goesUp, sort);
  address.keepList("prompts", document.getElementById("slice"), data.slices.map((one) => one.name));
  const pills = [...families.querySelectorAll("input")], boxes = [...document.querySelectorAll("#models input")];
  const nameOf = (pill) => pill.value || "All";
  address.keep("metrics", [nameOf(pills[0])], () => pills.filter((one) => one.checked).map(nameOf), ([text]) => {
    const wanted = pills.find((one) => nameOf(one) === text);
    if (wanted) wanted.checked = true;
    return wanted !== undefined;
  });
  const names = data.models.map((one) => one.name);
  address.keep("model", names, () => [...report.models].map((place) => names[place]), (texts) => {
    for (const box of boxes) box.checked = texts.includes(names[box.value]);
    return texts.join() === "" || boxes.some((box) => box.checked);
  });

  document.getElementById("slice").addEventListener("change", () => { report.first = 0; report.changed(); address.write(true); });
  document.getElementById("models").addEventListener("change", () => { report.changed(); address.write(true); });
  families.addEventListener("change", () => { showFamily(); address.write(true); });
  for (const row of rows) {
    const colour = report.colourClass(row.dataset.model);
    for (const bar of row.querySelectorAll(".bar")) bar.classList.add(colour);
  }
  report.listeners.push(show);
  address.listeners.push(showFamily);
}
