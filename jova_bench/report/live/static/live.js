"use strict";
// Loads state.js again and again: a script can be loaded from disk, where nothing can be fetched. What is shown is
// replaced where it changed, so that a reader keeps the place, and a clip that plays goes on. The pages of the finished
// run have a state.js of their own, which loads the page again.

const EVERY_MS = 2000;
const SILENT = "Nothing has looked at the run since then: the watch has ended or hangs, and all below may be old.";
const shown = {};
let beat = null;
let same = 0;
let missing = 0;

function jovaLive(state) {
  missing = 0;
  same = state.beat === beat ? same + 1 : 0;
  beat = state.beat;
  document.title = state.title;
  const says = document.getElementById("state");
  says.dataset.state = state.state;
  says.textContent = state.says;
  document.getElementById("times").textContent = state.times;
  // A watch that looks every so many seconds may be late once or twice.
  const limit = Math.max(5, Math.ceil((3000 * state.every_s) / EVERY_MS));
  alarm(state.watched && same >= limit ? SILENT : "");
  for (const [id, html] of Object.entries(state.parts)) {
    const part = document.getElementById(id);
    const plays = [...part.querySelectorAll("video, audio")].some((clip) => !clip.paused);
    if (shown[id] === html || plays) continue;
    shown[id] = html;
    part.innerHTML = html; // The template has escaped every text in it.
  }
}

function alarm(text) {
  const place = document.getElementById("alarm");
  place.textContent = text;
  place.hidden = !text;
}

function gone() {
  missing += 1;
  // The pages of the finished run take the place of this one; for a moment, neither is there.
  if (missing > 2) alarm("The files of this page are gone, or their server has ended: all below may be old.");
}

function poll() {
  const script = document.createElement("script");
  script.src = `state.js?${Date.now()}`;
  script.addEventListener("error", gone);
  const next = () => {
    script.remove();
    setTimeout(poll, EVERY_MS);
  };
  script.addEventListener("load", next);
  script.addEventListener("error", next);
  document.head.append(script);
}

poll();
