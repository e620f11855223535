"use strict";
// All clips of a prompt on one clock: they start together, one is heard, and whatever drifts is pulled back.
{
  const transport = document.querySelector(".transport");
  const length = Number(transport.dataset.seconds), FRAME = 0.04;
  const play = document.getElementById("play"), time = document.getElementById("time");
  const clock = document.getElementById("clock"), speed = document.getElementById("speed"), loop = document.getElementById("loop");
  const clips = [...document.querySelectorAll(".card:not([hidden])")].map((card) => ({
    card, media: card.querySelector("video, audio"), seconds: Number(card.dataset.seconds),
    hear: card.querySelector(".hear input"), head: card.querySelector(".playhead"), solo: card.querySelector(".solo"), broken: false,
  })).filter((clip) => clip.media);
  let playing = [], now = 0, started = 0;

  const heard = () => clips.find((clip) => clip.hear.checked);
  const rate = () => Number(speed.value);
  const ended = (clip) => clip.media.ended || clip.media.currentTime >= clip.seconds - 0.01;

  /** The time line, the read-out and every playhead show one moment. */
  function show(moment) {
    now = Math.min(Math.max(moment, 0), length);
    time.value = now;
    time.setAttribute("aria-valuetext", `${now.toFixed(2)} seconds`);
    clock.textContent = `${now.toFixed(2)} s`;
    for (const clip of clips) clip.head.style.left = `${(100 * now) / (length || 1)}%`;
  }

  /** Brings a clip to a moment; resolves when it could play on from there. */
  function cue(clip, moment) {
    const { media } = clip, target = Math.min(moment, clip.seconds);
    media.preload = "auto";
    return new Promise((resolve) => {
      const ready = () => {
        if (!clip.broken && (media.readyState < 3 || media.seeking)) return;
        for (const event of ["canplay", "seeked", "error"]) media.removeEventListener(event, ready);
        resolve();
      };
      for (const event of ["canplay", "seeked", "error"]) media.addEventListener(event, ready);
      if (media.readyState === 0) {
        media.addEventListener("loadedmetadata", () => { media.currentTime = target; }, { once: true });
        media.load();
      } else if (Math.abs(media.currentTime - target) > 0.001 || media.ended) media.currentTime = target;
      ready();
    });
  }

  async function start(chosen) {
    const mine = ++started;
    stop();
    const from = now >= length - 0.02 ? 0 : now;
    show(from);
    const able = chosen.filter((clip) => !clip.broken && clip.seconds > from);
    playing = able;
    label();
    await Promise.all(able.map((clip) => cue(clip, from)));
    if (mine !== started) return; // Stopped or started again meanwhile.
    playing = able.filter((clip) => !clip.broken);
    for (const clip of playing) clip.media.playbackRate = rate();
    const results = await Promise.allSettled(playing.map((clip) => clip.media.play()));
    if (mine !== started) return;
    if (results.every((result) => result.status === "rejected")) { stop(); return; }
    requestAnimationFrame(tick);
  }

  function stop() {
    for (const clip of clips) clip.media.pause();
    playing = [];
    label();
  }

  function pause() {
    started++;
    const leader = leading();
    if (leader) show(leader.media.currentTime);
    stop();
    for (const clip of clips) if (clip.media.readyState > 0) clip.media.currentTime = Math.min(now, clip.seconds);
  }

  /** The clip that is heard keeps the time, since a jump in sound is noticed; else one that still plays. */
  function leading() {
    const going = playing.filter((clip) => !ended(clip));
    return going.find((clip) => clip.hear.checked) ?? going[0];
  }

  function tick() {
    if (!playing.length) return;
    const leader = leading();
    if (!leader) { finish(); return; }
    const moment = leader.media.currentTime;
    show(moment);
    for (const clip of playing) {
      if (clip === leader || ended(clip)) continue;
      const ahead = clip.media.currentTime - moment;
      if (Math.abs(ahead) > 0.2) clip.media.currentTime = moment;
      // Nobody hears these: a few per cent faster or slower is no matter.
      clip.media.playbackRate = Math.abs(ahead) > 0.008 ? rate() * (1 - Math.max(-0.25, Math.min(0.25, ahead * 3))) : rate();
    }
    leader.media.playbackRate = rate();
    requestAnimationFrame(tick);
  }

  function finish() {
    const again = playing;
    const last = Math.max(...again.map((clip) => clip.seconds));
    if (loop.checked) { show(0); start(again); return; }
    started++;
    stop();
    show(last);
  }

  /** Buttons say what a press does. */
  function label() {
    const all = playing.length > 1 || (playing.length === 1 && clips.length === 1);
    play.textContent = playing.length ? "Pause" : "Play all";
    for (const clip of clips) {
      const alone = !all && playing.includes(clip);
      clip.solo.textContent = alone ? "\u275a\u275a" : "\u25b6";
      clip.solo.setAttribute("aria-label", `${alone ? "Pause" : "Play"} ${clip.card.getAttribute("aria-label")}${alone ? "" : " alone"}`);
    }
  }

  function seek(moment) {
    const going = playing;
    show(moment);
    if (going.length) start(going);
    else for (const clip of clips) cue(clip, now);
  }

  function listen() {
    for (const clip of clips) clip.media.muted = !clip.hear.checked;
  }

  /** Chooses whose sound plays by its number. */
  function hear(place) {
    if (!clips[place]) return false;
    clips[place].hear.checked = true;
    listen();
    address.write(false);
    document.getElementById("told").textContent = clips[place].hear.getAttribute("aria-label");
    return true;
  }

  for (const clip of clips) {
    clip.media.controls = false;
    clip.hear.addEventListener("change", () => { listen(); address.write(false); });
    clip.media.addEventListener("error", () => {
      if (clip.broken) return;
      clip.broken = true;
      clip.solo.disabled = true;
      const told = document.createElement("p");
      told.className = "broken";
      told.textContent = "this browser cannot play the file";
      clip.card.querySelector(".stage").append(told);
    });
    clip.solo.addEventListener("click", () => {
      if (playing.length === 1 && playing[0] === clip) { pause(); return; }
      clip.hear.checked = true;
      listen();
      address.write(false);
      if (now >= clip.seconds - 0.02) show(0);
      start([clip]);
    });
    clip.card.querySelector(".track").addEventListener("click", (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      seek((length * (event.clientX - box.left)) / box.width);
    });
  }
  play.addEventListener("click", () => (playing.length ? pause() : start(clips)));
  time.addEventListener("input", () => seek(Number(time.value)));
  const step = (frames) => (event) => {
    if (event.target.closest("input, .scroll")) return false;
    pause();
    seek(now + frames * FRAME);
    return true;
  };
  keys.on({
    " ": ({ target }) => !target.closest("button, a, [type=checkbox], [type=radio]:not(:checked)") && (play.click(), true),
    ArrowLeft: step(-1),
    ArrowRight: step(1),
    ...Object.fromEntries(clips.slice(0, 9).map((_, place) => [place + 1, () => hear(place)])),
  });
  clips.slice(0, 9).forEach(({ hear }, place) => {
    const key = hear.parentElement.querySelector("kbd");
    key.textContent = place + 1;
    key.hidden = false;
    hear.setAttribute("aria-keyshortcuts", place + 1);
  });

  // Only what comes into view is read from the disk.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      const media = entry.target.querySelector("video, audio");
      if (media.preload === "none") media.preload = "metadata";
      near.unobserve(entry.target);
    }
  }, { rootMargin: "200px" });
  for (const clip of clips) near.observe(clip.card);

  const nameOf = (clip) => clip.card.getAttribute("aria-label");
  if (clips.length) {
    address.keep("hear", [nameOf(clips[0])], () => [nameOf(heard())], ([name]) => {
      const wanted = clips.find((clip) => nameOf(clip) === name);
      if (wanted) wanted.hear.checked = true;
      return wanted !== undefined;
    });
  }
  address.keepList("speed", speed, Object.fromEntries([...speed.options].map((one) => [one.value, one.value])));
  address.keep("loop", ["no"], () => [loop.checked ? "yes" : "no"], ([text]) => { loop.checked = text === "yes"; return true; });
  for (const choice of [speed, loop]) choice.addEventListener("change", () => address.write(false));
  play.disabled = !clips.length;
  address.listeners.push(listen);
  address.read();
  show(0);
}
