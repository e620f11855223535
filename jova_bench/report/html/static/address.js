"use strict";
// What the reader chose, kept in the address: opened again it shows the same view, and the back button the one before.

const address = {
  kept: [],
  seen: null,
  listeners: [],

  /** Keeps a choice under a name. `first` are the texts that a page begins with, which the address need not say;
      `get()` returns texts, `set(texts)` shows them and returns whether this page knows them. */
  keep(name, first, get, set) {
    this.kept.push({ name, first, get, set });
  },

  /** Keeps what a list shows; its values are places in `names`. */
  keepList(name, list, names) {
    const known = [...list.options].map((option) => option.value);
    const show = ([text]) => {
      const value = known.find((one) => names[one] === text);
      list.value = value ?? known[0];
      return value !== undefined;
    };
    this.keep(name, [names[known[0]]], () => [names[list.value]], show);
  },

  /** Shows what the address says. What this page does not know, such as a model of another run, is passed over. */
  read() {
    const given = new URLSearchParams(location.search);
    for (const { name, first, set } of this.kept) if (!given.has(name) || !set(given.getAll(name))) set(first);
    this.seen = location.search;
    for (const listener of this.listeners) listener();
    this.carry();
  },

  /** Returns the question of an address with the choices of this page, and those of others as they are. */
  search() {
    const given = new URLSearchParams(location.search);
    for (const { name, first, get } of this.kept) {
      const texts = get();
      given.delete(name);
      if (texts.join("\n") !== first.join("\n")) for (const text of texts.length ? texts : [""]) given.append(name, text);
    }
    return `${given}` && `?${given}`;
  },

  /** Writes the choices: `step` is one that the back button takes back, others take the place of the last one. */
  write(step) {
    const next = new URL(location.href);
    next.search = this.search();
    if (next.href !== location.href) history[step ? "pushState" : "replaceState"](null, "", next);
    this.seen = location.search;
    this.carry();
  },

  /** Makes links to other pages of the report carry the choices along. */
  carry() {
    for (const link of document.querySelectorAll("a[data-carry][href]")) link.search = location.search;
  },
};

// A step to another part of the page is one, too, and changes no choice.
addEventListener("popstate", () => { if (location.search !== address.seen) address.read(); });
