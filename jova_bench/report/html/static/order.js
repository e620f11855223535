"use strict";
// The prompts of a view in their order: the first page lists them so, and a prompt's page leads through them so.

const order = {
  /** Compares two values for a sort; what has no number comes last either way. */
  compare(a, b, ascending) {
    const missing = (value) => value === null || value === undefined || Number.isNaN(value);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    const found = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return ascending ? found : -found;
  },

  /** Parses `LABEL ascending` or `LABEL descending`. */
  parse(text) {
    const end = text.lastIndexOf(" ");
    return { label: text.slice(0, end), ascending: text.slice(end + 1) === "ascending" };
  },

  /** Returns the places of a slice's prompts that have all words, by one model's value of a column, or by their ids. */
  of(data, { slice, words, column, model, ascending }) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = data.slices[slice].prompts.filter((place) => {
      const text = `${data.prompts[place].id} ${data.prompts[place].text}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    const numberOf = (place) => {
      const value = data.values[column]?.[model][place];
      return typeof value === "number" ? value : null;
    };
    const key = model < 0 ? (place) => data.prompts[place].id : numberOf;
    return found.sort((a, b) => this.compare(key(a), key(b), ascending));
  },

  /** Returns the places as an address asks for them. */
  asked(data, given) {
    const { label, ascending } = this.parse(given.get("by") ?? " ascending");
    const named = data.columns.findIndex((one, place) => one.label === given.get("show") && data.values[place]);
    return this.of(data, {
      slice: Math.max(0, data.slices.findIndex((one) => one.name === given.get("prompts"))),
      words: given.get("find") ?? "",
      column: named >= 0 ? named : data.values.findIndex((one) => one !== null),
      model: data.models.findIndex((one) => one.name === label),
      ascending,
    });
  },
};
