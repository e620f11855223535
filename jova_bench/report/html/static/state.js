"use strict";
// A live page of this run loads this file again and again: these are the pages that took its place.
if (typeof jovaLive === "function") location.reload();
