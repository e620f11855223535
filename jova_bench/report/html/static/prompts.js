"use strict";
// The table of prompts: one row each, what every model made of it, and the value of one metric. A page at a time.
{
  const { data } = report;
  const PAGE = 25;
  const table = document.getElementById("clips"), body = table.tBodies[0], head = table.tHead.rows[0];
  const find = document.getElementById("find"), shown = document.getElementById("shown");
  const perClip = data.columns.map((column, place) => place).filter((place) => data.values[place]);
  const names = data.models.map((one) => one.name);

  const valueOf = (model, prompt) => data.values[Number(shown.value)]?.[model][prompt] ?? null;
  /** The prompts of the slice that have the words, in order. */
  const chosen = () => order.of(data, {
    slice: report.slice, words: find.value, column: Number(shown.value), model: names.indexOf(sorting.label), ascending: sorting.ascending,
  });

  function header(model) {
    const th = report.element("th");
    th.scope = "col";
    Object.assign(th.dataset, { model, sort: names[model] });
    const button = report.element("button", report.colourClass(model));
    button.type = "button";
    button.append(report.element("i", "dot"), data.models[model].name);
    th.append(button);
    return th;
  }

  function cell(model, prompt) {
    const td = report.element("td"), link = report.element("a");
    link.href = data.prompts[prompt].page;
    link.dataset.carry = "";
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
    link.dataset.carry = "";
    th.append(link, report.element("small", "", data.prompts[prompt].text));
    tr.append(th, ...models.map((model) => cell(model, prompt)));
    return tr;
  }

  function show() {
    const models = [...report.models];
    if (!models.includes(names.indexOf(sorting.label))) Object.assign(sorting, sorting.label && { label: "", ascending: true });
    const places = chosen();
    report.first = Math.max(0, Math.min(report.first, Math.floor((places.length - 1) / PAGE) * PAGE));
    const focused = document.activeElement?.closest("#clips th")?.dataset.model;
    head.replaceChildren(head.cells[0], ...models.map(header));
    sorting.mark();
    head.querySelector(`th[data-model="${focused}"] button`)?.focus();
    body.replaceChildren(...places.slice(report.first, report.first + PAGE).map((place) => row(place, models)));
    for (let place = 1; place <= models.length; place++) {
      report.align([...body.querySelectorAll(`td:nth-child(${place + 1}) .value`)]);
    }
    const last = Math.min(report.first + PAGE, places.length);
    document.getElementById("range").textContent = places.length
      ? `${report.first + 1}\u2013${last} of ${places.length}${report.slice ? `, ${data.slices[report.slice].name}` : ""}` : "none";
    document.getElementById("earlier").disabled = report.first === 0;
    document.getElementById("later").disabled = last === places.length;
  }

  function again(step) {
    report.first = 0;
    show();
    address.write(step);
  }

  function turn(by) {
    report.first += by;
    show();
    address.write(true);
  }

  for (const place of perClip) shown.append(new Option(data.columns[place].label, place));
  // Where a metric is to be looked at, its worst prompts come first.
  const worstIsHigh = (th) => th.dataset.sort !== "" && data.columns[Number(shown.value)]?.direction === "down";
  const sorting = report.sortable(table, "by", "", ["", ...names], worstIsHigh, () => { report.first = 0; show(); });
  if (perClip.length) address.keepList("show", shown, data.columns.map((one) => one.label));
  address.keep("find", [""], () => [find.value], ([text]) => { find.value = text; return true; });
  address.keep("from", ["1"], () => [`${report.first + 1}`], ([text]) => {
    report.first = Math.floor((Number(text) - 1) / PAGE) * PAGE;
    return Number.isInteger(report.first);
  });
  find.addEventListener("input", () => again(false));
  shown.addEventListener("change", () => again(true));
  document.getElementById("earlier").addEventListener("click", () => turn(-PAGE));
  document.getElementById("later").addEventListener("click", () => turn(PAGE));
  report.listeners.push(show);

  /** Moves to the prompt after the focused one, or to the one before; past the last row, the page is turned. */
  function step(by) {
    const links = [...body.querySelectorAll("th a")], at = links.indexOf(document.activeElement);
    const next = at < 0 ? links[0] : links[at + by];
    if (next || !links.length) { next?.focus(); return; }
    const button = document.getElementById(by > 0 ? "later" : "earlier");
    if (button.disabled) return;
    button.click();
    [...body.querySelectorAll("th a")].at(by > 0 ? 0 : -1).focus();
  }

  keys.on({ n: () => step(1), p: () => step(-1), "/": () => find.focus() });
}
