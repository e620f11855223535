"use strict";
// The table of prompts: one row each, what every model made of it, and the value of one metric. A page at a time.
{
  const { data } = report;
  const PAGE = 25;
  const table = document.getElementById("clips"), body = table.tBodies[0], head = table.tHead.rows[0];
  const find = document.getElementById("find"), shown = document.getElementById("shown");
  const perClip = data.columns.map((column, place) => place).filter((place) => data.values[place]);
  const state = { first: 0, model: null, ascending: true };

  const valueOf = (model, prompt) => data.values[Number(shown.value)]?.[model][prompt] ?? null;
  const numberOf = (model, prompt) => {
    const value = valueOf(model, prompt);
    return typeof value === "number" ? value : null;
  };

  /** The prompts of the slice that have the words, in order. */
  function chosen() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = data.slices[report.slice].prompts.filter((place) => {
      const text = `${data.prompts[place].id} ${data.prompts[place].text}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const key = state.model === null ? (place) => data.prompts[place].id : (place) => numberOf(state.model, place);
    return found.sort((a, b) => report.compare(key(a), key(b), state.ascending));
  }

  function header(model) {
    const th = report.element("th");
    th.scope = "col";
    th.dataset.model = model;
    if (model === state.model) th.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    const button = report.element("button", report.colourClass(model));
    button.type = "button";
    button.append(report.element("i", "dot"), data.models[model].name);
    th.append(button);
    return th;
  }

  function cell(model, prompt) {
    const td = report.element("td"), link = report.element("a");
    link.href = data.prompts[prompt].page;
    link.tabIndex = -1; // The row's head is the same link.
    const thumb = data.prompts[prompt].thumbs[model];
    if (thumb) {
      const image = report.element("img");
      Object.assign(image, { src: thumb, loading: "lazy", width: 64, height: 64, alt: "" });
      link.append(image);
    }
    const value = valueOf(model, prompt);
    const number = typeof value === "number";
    link.append(report.element("span", number ? "value" : "value none", number ? report.plain(value) : value ?? "no clip"));
    td.append(link);
    return td;
  }

  function row(prompt, models) {
    const tr = report.element("tr"), th = report.element("th"), link = report.element("a", "", data.prompts[prompt].id);
    th.scope = "row";
    link.href = data.prompts[prompt].page;
    th.append(link, report.element("small", "", data.prompts[prompt].text));
    tr.append(th, ...models.map((model) => cell(model, prompt)));
    return tr;
  }

  function show() {
    const models = data.models.map((_, place) => place).filter((place) => report.models.has(place));
    if (state.model !== null && !report.models.has(state.model)) Object.assign(state, { model: null, ascending: true });
    const places = chosen();
    state.first = Math.max(0, Math.min(state.first, Math.floor((places.length - 1) / PAGE) * PAGE));
    const focused = document.activeElement?.closest("#clips th")?.dataset.model;
    head.replaceChildren(head.cells[0], ...models.map(header));
    head.cells[0].toggleAttribute("aria-sort", state.model === null);
    if (state.model === null) head.cells[0].setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    head.querySelector(`th[data-model="${focused}"] button`)?.focus();
    body.replaceChildren(...places.slice(state.first, state.first + PAGE).map((place) => row(place, models)));
    const last = Math.min(state.first + PAGE, places.length);
    document.getElementById("range").textContent = places.length 
      ? `${state.first + 1}\u2013${last} of ${places.length}${report.slice ? `, ${data.slices[report.slice].name}` : ""}` : "none";
    document.getElementById("earlier").disabled = state.first === 0;
    document.getElementById("later").disabled = last === places.length;
  }

  const again = () => { state.first = 0; show(); };
  const turn = (by) => { state.first += by; show(); };
  const directionOf = () => data.columns[Number(shown.value)]?.direction;

  for (const place of perClip) shown.append(new Option(data.columns[place].label, place));
  // Where a metric is to be looked at, its worst prompts come first.
  report.sortable(table, (th) => th.dataset.model !== undefined && directionOf() === "down", (th, ascending) => {
    Object.assign(state, { model: th.dataset.model === undefined ? null : Number(th.dataset.model), ascending });
    again();
  });
  find.addEventListener("input", again);
  shown.addEventListener("change", again);
  document.getElementById("earlier").addEventListener("click", () => turn(-PAGE));
  document.getElementById("later").addEventListener("click", () => turn(PAGE));
  report.listeners.push(again);
  show();
}
