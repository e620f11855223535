"use strict";
// Shows pairs of clips on one clock, on random sides, and keeps the answers: here, on the server if there is one, and in
// a file. The page knows clips by number alone.
{
  const data = JSON.parse(document.getElementById("data").textContent), $ = (id) => document.getElementById(id);
  const { rater: served, booklet: dealt } = document.body.dataset;
  const ANSWERS = { left: "Left", same: "Same", right: "Right", broken: "Broken" }, HEARD = 0.9;
  const sides = Object.fromEntries(["left", "right"].map((side) => {
    const figure = document.querySelector(`[data-side=${side}]`);
    return [side, { side, figure, video: figure.querySelector("video"), heard: false, from: 0 }];
  }));
  const both = Object.values(sides), random = (below) => crypto.getRandomValues(new Uint32Array(1))[0] % below;
  let state = null, place = "", ear = "left", playing = false, started = 0, since = 0, marked = 0;

  // --- What is kept

  /** Reads what this rater has answered here, or begins: a booklet, and a side for each of its pairs. */
  function restore(rater) {
    place = `vote ${data.study} ${rater}`;
    try { state = JSON.parse(localStorage.getItem(place)); } catch { state = null; }
    const booklet = dealt === "" ? random(data.booklets.length) : Number(dealt);
    state ??= { rater, booklet, turned: data.booklets[booklet].map(() => random(2)), done: 0, given: [], sent: 0 };
    keep();
  }

  function keep() {
    try { localStorage.setItem(place, JSON.stringify(state)); } catch { fault("This browser keeps nothing: download your answers before you leave."); }
  }

  const lines = (given) => given.map((one) => JSON.stringify(one) + "\n").join("");

  /** Sends what the server does not have yet; it keeps the first answer to a question, and says which were others. */
  async function send() {
    if (!served || state.sent === state.given.length) return true;
    const upto = state.given.length;
    try {
      const response = await fetch("answers", { method: "POST", body: lines(state.given.slice(state.sent, upto)) });
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const known = response.status === 200 ? (await response.json()).known.length : 0;
      state.sent = upto;
      keep();
      fault(known ? `The first answers stay: ${known} of these questions you answered otherwise before, in another window or browser.` : "");
      return true;
    } catch (error) {
      fault(`Your answers are kept in this browser, and not on the server yet (${error.message}). They are sent again with the next ones.`);
      return false;
    }
  }

  function download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines(state.given)], { type: "application/jsonl" }));
    link.download = `${data.study}-${state.rater}.jsonl`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function fault(text) {
    $("fault").textContent = text;
    $("fault").hidden = !text;
  }

  // --- Two clips on one clock

  const length = () => Math.max(...both.map((one) => one.video.duration || 0));
  const ended = (one) => one.video.ended || one.video.currentTime >= (one.video.duration || 0) - 0.02;

  /** Brings a clip to its beginning; resolves when it could play, or cannot. */
  function cue({ video }) {
    return new Promise((resolve) => {
      const ready = () => {
        if (!video.error && (video.readyState < 3 || video.seeking)) return;
        for (const event of ["canplay", "seeked", "error"]) video.removeEventListener(event, ready);
        resolve();
      };
      for (const event of ["canplay", "seeked", "error"]) video.addEventListener(event, ready);
      if (video.readyState > 0 && video.currentTime > 0) video.currentTime = 0;
      ready();
    });
  }

  async function start(side) {
    const mine = ++started;
    halt();
    listen(side);
    playing = true;
    label();
    await Promise.all(both.map(cue));
    if (mine !== started) return;
    for (const one of both) one.video.playbackRate = 1;
    await Promise.allSettled(both.filter((one) => !one.video.error).map((one) => one.video.play()));
    if (mine !== started) return;
    for (const one of both) one.from = one.video.currentTime;
    requestAnimationFrame(tick);
  }

  function tick() {
    if (!playing) return;
    // A browser may pause a clip, above all the one that is not heard: nobody could answer, since it would never end.
    for (const { video } of both.filter((one) => !one.video.error && !ended(one) && one.video.paused)) video.play().catch(() => {});
    const leader = sides[ear], other = both.find((one) => one !== leader);
    if (leader.video.error || ended(leader)) { if (leader.video.error || ended(other) || other.video.error) { finish(); return; } }
    else if (!ended(other)) {
      const ahead = other.video.currentTime - leader.video.currentTime;
      if (Math.abs(ahead) > 0.2) other.video.currentTime = leader.video.currentTime;
      // The other is not heard: a few per cent faster or slower is no matter.
      other.video.playbackRate = Math.abs(ahead) > 0.008 ? 1 - Math.max(-0.25, Math.min(0.25, ahead * 3)) : 1;
    }
    requestAnimationFrame(tick);
  }

  /** At the end of a clip that was heard from its beginning the other one follows, and then the questions open. */
  function finish() {
    const one = sides[ear];
    started++;
    halt();
    if (!one.video.error && one.from < (1 - HEARD) * one.video.duration) one.heard = true;
    const next = both.find((other) => !other.heard && other !== one && !other.video.error);
    open();
    if (next) start(next.side);
  }

  function halt() {
    for (const one of both) one.video.pause();
    playing = false;
    label();
  }

  function listen(side) {
    ear = side;
    for (const one of both) {
      one.video.muted = one.side !== side;
      one.figure.classList.toggle("heard", one.side === side);
    }
  }

  function label() {
    $("play").textContent = playing ? "Stop" : both.every((one) => one.heard) ? "Play again" : "Play";
    const broken = both.filter((one) => one.video.error).map((one) => ANSWERS[one.side].toLowerCase());
    const left = both.filter((one) => !one.heard).map((one) => ANSWERS[one.side].toLowerCase());
    $("hint").textContent = broken.length ? `This browser cannot play the ${broken.join(" and ")} clip: answer “Broken”.`
      : playing ? `You hear the ${ear} clip.` : left.length ? `Hear the ${left.join(" and ")} clip to its end to answer.` : "";
  }

  // --- Questions

  const boxes = data.questions.map((question, number) => {
    const box = document.createElement("fieldset"), text = document.createElement("legend"), row = document.createElement("div");
    text.textContent = question.text;
    row.className = "answers";
    for (const [value, name] of Object.entries(ANSWERS)) {
      const label = document.createElement("label"), input = document.createElement("input"), shown = document.createElement("span");
      Object.assign(input, { type: "radio", name: `q${number}`, value });
      shown.textContent = name;
      input.addEventListener("change", () => answered(number));
      input.addEventListener("focus", () => mark(number));
      label.append(input, shown);
      row.append(label);
    }
    box.append(text, row);
    $("questions").append(box);
    return { box, inputs: [...row.querySelectorAll("input")] };
  });

  const value = (number) => boxes[number].inputs.find((input) => input.checked)?.value;

  function mark(number) {
    marked = Math.max(0, Math.min(number, boxes.length - 1));
    boxes.forEach(({ box }, k) => box.classList.toggle("marked", k === marked));
  }

  function answered(number) {
    const open = boxes.findIndex((_, k) => k > number && !value(k));
    mark(open < 0 ? number : open);
    $("next").disabled = boxes.some((_, k) => !value(k));
  }

  /** Opens what may be answered: all once both clips were heard, and before that only that a clip is broken. */
  function open() {
    const all = both.every((one) => one.heard);
    for (const { inputs } of boxes) for (const input of inputs) input.disabled = !all && input.value !== "broken";
    label();
  }

  // --- Pairs

  function show() {
    const pairs = data.booklets[state.booklet];
    $("progress").max = pairs.length;
    $("progress").value = state.done;
    for (const id of ["progress", "save"]) $(id).hidden = false;
    $("welcome").hidden = true;
    if (state.done >= pairs.length) { finale(pairs.length); return; }
    $("pair").hidden = false;
    $("where").textContent = `Pair ${state.done + 1} of ${pairs.length}`;
    const { clips, text } = pairs[state.done], names = { says: "Speech", shows: "Picture", sounds: "Sound" };
    $("prompt").replaceChildren(...Object.entries(text).flatMap(([kind, words]) => {
      const term = document.createElement("dt"), said = document.createElement("dd");
      term.textContent = names[kind];
      said.textContent = words;
      return [term, said];
    }));
    const order = state.turned[state.done] ? [...clips].reverse() : clips;
    both.forEach((one, k) => {
      Object.assign(one, { clip: order[k], heard: false });
      one.video.src = `clips/${order[k]}.mp4`;
      one.video.load();
    });
    for (const { inputs } of boxes) for (const input of inputs) input.checked = false;
    $("next").disabled = true;
    listen("left");
    mark(0);
    open();
    since = performance.now();
    scrollTo(0, 0);
  }

  async function next() {
    if ($("next").disabled) return;
    started++;
    halt();
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    state.given.push(...data.questions.map((question, k) => ({
      study: data.study, rater: state.rater, question: question.id, left: sides.left.clip, right: sides.right.clip,
      answer: value(k), seconds,
    })));
    state.done++;
    keep();
    const sent = send();
    show();
    await sent;
  }

  async function finale(count) {
    $("pair").hidden = true;
    $("end").hidden = false;
    $("where").textContent = `${count} of ${count} pairs`;
    const sent = await send();
    $("thanks").textContent = served && sent ? "All answers are saved. You can close this page."
      : served ? "The server does not answer. Download your answers, and send the file to those who asked you."
        : "Download your answers, and send the file to those who asked you.";
  }

  $("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    restore(served || $("rater").value.trim().normalize("NFC"));
    show();
  });
  $("play").addEventListener("click", () => {
    if (playing) { started++; halt(); } else start(both.find((one) => !one.heard && !one.video.error)?.side ?? ear);
  });
  for (const one of both) {
    one.figure.addEventListener("click", () => start(one.side));
    one.video.addEventListener("error", () => { if (one.video.src) label(); });
    one.video.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  $("next").addEventListener("click", next);
  for (const id of ["save", "download"]) $(id).addEventListener("click", download);
  document.addEventListener("keydown", (event) => {
    if ($("pair").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const number = ["1", "2", "3", "4"].indexOf(event.key), pressed = event.target.closest("button");
    const chosen = event.target.closest("input:not(:checked)");
    if (number >= 0) {
      const input = boxes[marked].inputs[number];
      if (!input.disabled) { input.checked = true; answered(marked); }
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") start(event.key === "ArrowLeft" ? "left" : "right");
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") mark(marked + (event.key === "ArrowUp" ? -1 : 1));
    else if (event.key === " " && !pressed && !chosen) $("play").click();
    else if (event.key === "Enter" && !pressed) next();
    else return;
    event.preventDefault();
  });

  const asked = served || new URLSearchParams(location.search).get("rater") || "";
  $("rater").value = asked;
  $("rater").readOnly = Boolean(served);
}
