"use strict";
// Where the labels of a plot stand, so that none lies on another. All lengths are pixels.

const labels = {
  LINE: 14, // Height of a line.

  /** Width of a text at 12 px. */
  width(text) {
    this.pen ??= document.createElement("canvas").getContext("2d");
    this.pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    return this.pen.measureText(text).width;
  },

  /** Moves places, in order, so far apart that lines of text fit between 0 and `height`. */
  spread(places, height) {
    const moved = [];
    for (const place of places) moved.push(Math.max(place, (moved.at(-1) ?? -Infinity) + this.LINE));
    for (let last = height, at = moved.length - 1; at >= 0; at--, last -= this.LINE) moved[at] = Math.min(moved[at], last);
    return moved;
  },

  /** Moves labels below each other that would touch side by side: `ticks` are places and lines of text, in order.
      Returns how many lines each begins lower. */
  lowered(ticks) {
    const ends = []; // Right ends of the texts of each line.
    return ticks.map(([place, lines]) => {
      const half = Math.max(...lines.map((line) => this.width(line))) / 2;
      let row = 0;
      while (lines.some((_, line) => (ends[row + line] ?? -Infinity) > place - half)) row++;
      for (const line of lines.keys()) ends[row + line] = place + half + 6;
      return row;
    });
  },

  /** Places a name beside each point: above, below, right or left of it, where least is in the way. A point has `x`, the
      ends `top` and `bottom` of its interval, its middle `y` and a `name`. Returns left and top corners of the names. */
  beside(points, width, height) {
    const taken = points.map(({ x, top, bottom }) => [x - 8, top - 2, x + 8, bottom + 2]);
    const shared = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    const outside = (box) => Math.max(0, -box[0]) + Math.max(0, -box[1]) + Math.max(0, box[2] - width) + Math.max(0, box[3] - height);
    return points.map(({ x, y, top, bottom, name }) => {
      const wide = this.width(name) + 2, tall = this.LINE;
      const corners = [[x - wide / 2, top - tall - 4], [x - wide / 2, bottom + 4], [x + 10, y - tall / 2], [x - wide - 10, y - tall / 2]];
      const boxes = corners.map(([left, up]) => [left, up, left + wide, up + tall]);
      const cost = (box) => taken.reduce((sum, other) => sum + shared(box, other), 0) + 1000 * outside(box);
      const best = boxes.reduce((least, box) => (cost(box) < cost(least) ? box : least));
      taken.push(best);
      return best;
    });
  },
};
