"use strict";
// What the parts of the first page share: the data, what the reader chose, and headers that sort.
// Texts of the run are only ever set as textContent.

const report = {
  data, // Of data.js.
  listeners: [],
  first: 0, // The first prompt of the page of the table.

  /** The shown slice's place, and those of the shown models. */
  get slice() { return Number(document.getElementById("slice").value); },
  get models() {
    return new Set([...document.querySelectorAll("#models input:checked")].map((box) => Number(box.value)));
  },

  /** Calls everything that shows something that depends on a choice. */
  changed() {
    for (const listener of this.listeners) listener();
  },

  /** A number with so many decimals, or with an exponent where they are more than four; a minus sign, no minus zero. */
  number(value, places) {
    if (places > 4 && value !== 0) return value.toExponential(2).replaceAll("-", "\u2212");
    const text = value.toFixed(Math.min(4, places));
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  },

  /** Three digits, or an integer: for a single value that has no interval to say how many it deserves. */
  plain(value) {
    if (value === 0 || Number.isInteger(value)) return this.number(value, 0);
    const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return this.number(value, Math.abs(value) < 0.00005 ? places : Math.min(4, places));
  },

  /** Brings the decimal points of a column's numbers below each other, each with the decimals that it deserves. */
  align(values) {
    const decimals = values.map(({ textContent }) => /^\u2212?\d+(?:\.(\d+))?$/.exec(textContent)?.[1]?.length ?? 0);
    const most = Math.max(0, ...decimals);
    values.forEach((value, place) => {
      const own = value.classList.contains("none") ? most : decimals[place];
      value.style.paddingRight = own < most ? `${most - own + (own ? 0 : 0.5)}ch` : ""; // A point is half a digit wide.
    });
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

  /** Makes the buttons of a table's head sort by their `data-sort`, and keeps that in the address under a name.
      `known` are the labels; `descendsFirst(header)` says where a first press begins. `first` is the label at first, or
      null for the order of the page. Returns `{ label, ascending, mark() }`; mark() shows it in the head. */
  sortable(table, name, first, known, descendsFirst, sorted) {
    const sort = { label: first, ascending: true };
    const text = () => (sort.label === null ? [] : [`${sort.label} ${sort.ascending ? "ascending" : "descending"}`]);
    sort.mark = () => {
      for (const header of table.tHead.querySelectorAll("[data-sort]")) {
        header.removeAttribute("aria-sort");
        if (header.dataset.sort === sort.label) header.setAttribute("aria-sort", sort.ascending ? "ascending" : "descending");
      }
    };
    address.keep(name, text(), text, ([given]) => {
      Object.assign(sort, given === undefined ? { label: null, ascending: true } : order.parse(given));
      return sort.label === null || known.includes(sort.label);
    });
    table.tHead.addEventListener("click", (event) => {
      const header = event.target.closest("button")?.closest("th");
      if (!header) return;
      const again = header.dataset.sort === sort.label;
      Object.assign(sort, { label: header.dataset.sort, ascending: again ? !sort.ascending : !descendsFirst(header) });
      sorted();
      address.write(true);
    });
    return sort;
  },
};

for (const tools of document.querySelectorAll(".tools")) tools.hidden = false;
