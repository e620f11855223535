"use strict";
// A prompt among the others: the models that were chosen, and the way to the next prompt and the one before.
{
  const parts = [...document.querySelectorAll("main [data-model]")];
  const given = new URLSearchParams(location.search), chosen = given.getAll("model");
  const left = parts.filter((part) => !chosen.includes(part.dataset.model));
  if (left.length && left.length < parts.length) {
    for (const part of left) part.hidden = true;
    for (const group of document.querySelectorAll("main section:has(.card)")) {
      group.hidden = !group.querySelector(".card:not([hidden])");
      const cards = group.querySelector(".cards");
      cards.style.setProperty("--cards", cards.querySelectorAll(".card:not([hidden])").length);
    }
    const all = new URL(location.href);
    all.searchParams.delete("model");
    document.querySelector("#left-out a").href = all;
    document.getElementById("left-out").hidden = false;
  }
  const links = ["prev", "next"].map((way) => document.querySelector(`a[rel=${way}]`));
  const [before, after] = links.map((link) => () => { if (!link.hidden) link.click(); });
  keys.on({ n: after, p: before });

  /** Leads through the prompts of the view that the address asks for, in its order; one that is not of it keeps its own. */
  function lead() {
    const places = order.asked(data, given), at = places.findIndex((place) => location.pathname.endsWith(`/${data.prompts[place].page}`));
    if (at < 0) return;
    links.forEach((link, way) => {
      const place = places[at + (way ? 1 : -1)];
      link.hidden = place === undefined;
      if (!link.hidden) link.href = `../${data.prompts[place].page}${location.search}`;
    });
    document.querySelector(".where").textContent = `${at + 1} of ${places.length} in this view`;
  }

  // The data of all prompts are large, and read only where they tell the way.
  if (["prompts", "find", "by"].some((name) => given.has(name))) {
    const script = document.createElement("script");
    script.src = "../data.js";
    script.addEventListener("load", lead);
    document.head.append(script);
  }
}
