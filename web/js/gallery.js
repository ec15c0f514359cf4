// @ts-check
/** The wall of photos: keeps one tile per photo from answer to answer, places them in rows, and
 * lets arrow keys walk among them (one photo at a time is in the Tab order). */

import { justify, neighbour } from "./layout.js";
import { createTile } from "./tile.js";

/** @typedef {import("./api.js").Hit} Hit */
/** @typedef {import("./layout.js").Box} Box */
/** @typedef {import("./tile.js").Tile} Tile */

const GLIDE = { duration: 320, easing: "cubic-bezier(.2, .8, .2, 1)" };
const APPEAR = { duration: 300, easing: "ease-out" };

/**
 * @param {HTMLElement} list
 * @param {{onOpen: (hit: Hit) => void, onLike: (hit: Hit) => void, onEscape: () => void}} on
 */
export function createGallery(list, { onOpen, onLike, onEscape }) {
  /** @type {Map<string, Tile>} */
  let tiles = new Map();
  /** @type {Hit[]} */
  let hits = [];
  /** @type {Box[]} */
  let boxes = [];
  let width = 0;
  let reachable = "";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  function arrange() {
    width = list.clientWidth;
    const aspects = hits.map((hit) => hit.width / hit.height);
    const layout = justify(aspects, width, sizesFor(width));
    boxes = layout.boxes;
    list.style.height = `${layout.height}px`;
    hits.forEach((hit, index) => tiles.get(hit.photo_id)?.place(boxes[index]));
  }

  /** @param {string} photoId */
  function makeReachable(photoId) {
    tiles.get(reachable)?.setReachable(false);
    tiles.get(photoId)?.setReachable(true);
    reachable = photoId;
  }

  /**
   * Photos that stay glide from where they were; new ones come up.
   * @param {Map<string, Box>} earlier
   */
  function glide(earlier) {
    if (calm.matches) return;
    hits.forEach((hit, index) => {
      const element = tiles.get(hit.photo_id)?.element;
      const from = earlier.get(hit.photo_id);
      const to = boxes[index];
      if (!from) element?.animate([{ opacity: 0 }, { opacity: 1 }], APPEAR);
      else if (from.x !== to.x || from.y !== to.y) {
        element?.animate([{ translate: `${from.x - to.x}px ${from.y - to.y}px` }, { translate: "0 0" }], GLIDE);
      }
    });
  }

  /**
   * Show these hits: further ones are appended, others replace what is there.
   * @param {Hit[]} next
   */
  function show(next) {
    if (next === hits) return;
    const appended = hits.length > 0 && hits.every((hit, index) => hit === next[index]);
    const earlier = new Map(hits.map((hit, index) => [hit.photo_id, boxes[index]]));
    const kept = tiles;
    tiles = new Map();
    for (const hit of next) {
      const tile = kept.get(hit.photo_id) ?? createTile(hit, {
        onOpen: () => onOpen(hit),
        onLike: () => onLike(hit),
      });
      tile.update(hit);
      tiles.set(hit.photo_id, tile);
      if (!kept.has(hit.photo_id)) tile.setReachable(false);
    }
    const elements = Array.from(tiles.values(), (tile) => tile.element);
    if (appended) list.append(...elements.slice(hits.length));
    else list.replaceChildren(...elements);
    hits = next;
    arrange();
    glide(earlier);
    if (!appended && hits.length > 0) makeReachable(hits[0].photo_id);
  }

  /** @param {number} index @param {FocusOptions} [options] */
  function focus(index, options) {
    if (!hits[index]) return;
    makeReachable(hits[index].photo_id);
    tiles.get(hits[index].photo_id)?.focus(options);
  }

  list.addEventListener("focusin", (event) => {
    const tile = /** @type {HTMLElement} */ (event.target).closest("li");
    if (tile?.dataset.photoId) makeReachable(tile.dataset.photoId);
  });

  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return onEscape();
    if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
    const index = hits.findIndex((hit) => hit.photo_id === reachable);
    const to = index < 0 ? null : neighbour(boxes, index, event.key);
    event.preventDefault();
    if (to !== null) focus(to);
    // Upwards from the first row lies the search box.
    else if (event.key === "ArrowUp") onEscape();
  });

  new ResizeObserver(() => {
    if (hits.length > 0 && list.clientWidth !== width) arrange();
  }).observe(list);

  return { show, focus };
}

/**
 * Generous pictures on every screen: one or two in a row on a phone, four or five on a desk.
 * @param {number} width
 */
function sizesFor(width) {
  return {
    rowHeight: Math.min(320, Math.max(220, width * 0.2)),
    gap: width < 600 ? 10 : 16,
    captionHeight: 26,
  };
}
