"use strict";
// Keys of a page, and the list of them that `?` opens.

const keys = {
  /** Whether the reader writes, or chooses from a list by its first letter. */
  writing: (target) => target.closest("select, textarea, input:not([type=radio], [type=checkbox], [type=range])") !== null,

  /** Calls what a key does, `does[key](event)`; it returns false where it leaves the key to the browser. */
  on(does) {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (this.writing(event.target) || document.querySelector("dialog[open]")) return;
      if (Object.hasOwn(does, event.key) && does[event.key](event) !== false) event.preventDefault();
    });
  },
};

{
  const list = document.getElementById("keys");
  const open = () => list.showModal();
  document.getElementById("keys-open").hidden = false;
  document.getElementById("keys-open").addEventListener("click", open);
  keys.on({ "?": open });
  // A press beside the list closes it; one on it has another target.
  list.addEventListener("click", (event) => { if (event.target === list) list.close(); });
}
