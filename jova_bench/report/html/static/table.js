"use strict";
// What the parts of the first page share: the data, what the reader chose, and headers that sort.
// Texts of the run are only ever set as textContent.

const report = {
  data: JSON.parse(document.getElementById("data").textContent),
  slice: 0,
  models: new Set(),
  listeners: [],

  /** Calls everything that shows something that depends on a choice. */
  changed() {
    for (const listener of this.listeners) listener();
  },

  /** A number with so many decimals, a minus sign, and no minus zero. */
  number(value, places) {
    const text = value.toFixed(places);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  },

  /** Three digits, or an integer: for a single value that has no interval to say how many it deserves. */
  plain(value) {
    if (value === 0 || Number.isInteger(value)) return this.number(value, 0);
    return this.number(value, Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))));
  },

  /** An element with a class and a text. */
  element(name, className = "", text = "") {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.textContent = text;
    return made;
  },

  /** The colour class of a model, as the page gave it to the model's chip. */
  colourClass(model) {
    return document.querySelector(`#models input[value="${model}"] + span`).className;
  },

  /** Makes the buttons of a table's head sort. `order(header, ascending)` does it; `descendsFirst(header)` says where
      a first press begins. */
  sortable(table, descendsFirst, order) {
    table.tHead.addEventListener("click", (event) => {
      const header = event.target.closest("button")?.closest("th");
      if (!header) return;
      const before = header.getAttribute("aria-sort");
      const ascending = before ? before === "descending" : !descendsFirst(header);
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      order(header, ascending);
    });
  },

  /** Compares two values for a sort; what has no number comes last either way. */
  compare(a, b, ascending) {
    const missing = (value) => value === null || value === undefined || Number.isNaN(value);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const found = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return ascending ? found : -found;
  },
};

for (const tools of document.querySelectorAll(".tools")) tools.hidden = false;
