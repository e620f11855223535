"use strict";
// A prompt among the others: the models that were chosen, and the way to the next prompt and the one before.
{
  const parts = [...document.querySelectorAll("main [data-model]")];
  const chosen = new URLSearchParams(location.search).getAll("model");
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
  const turn = (way) => () => document.querySelector(`a[rel=${way}]`)?.click();
  keys.on({ n: turn("next"), p: turn("prev") });
}
