// @ts-check
/** One photo of the gallery: picture over its blur, credit, cosine, "more like this". */

import { paintBlurHash } from "./blurhash.js";
import { showCredit } from "./credit.js";
import { describe } from "./rendition.js";

/** @typedef {import("./api.js").Hit} Hit */
/** @typedef {import("./layout.js").Box} Box */

/**
 * @typedef {object} Tile
 * @property {HTMLElement} element
 * @property {(hit: Hit) => void} update Show what differs from answer to answer.
 * @property {(box: Box) => void} place
 * @property {(reachable: boolean) => void} setReachable Whether Tab stops here.
 * @property {(options?: FocusOptions) => void} focus
 */

/**
 * @param {Hit} hit
 * @param {{onOpen: () => void, onLike: () => void}} on
 * @returns {Tile}
 */
export function createTile(hit, { onOpen, onLike }) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById("tile"));
  const element = /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
  const photo = part(".photo");
  const like = part(".like");
  const canvas = /** @type {HTMLCanvasElement} */ (part("canvas"));
  const image = /** @type {HTMLImageElement} */ (part("img"));
  const cosine = part(".cosine");

  element.dataset.photoId = hit.photo_id;
  paintBlurHash(canvas, hit.blur_hash);
  showCredit(part(".credit"), hit.attribution);
  image.alt = describe(hit);
  image.addEventListener("load", () => element.classList.add("loaded"));
  image.addEventListener("error", () => element.classList.add("missing"));
  image.loading = "lazy";
  image.src = hit.thumbnail_url;
  like.setAttribute("aria-label", `More like this: ${describe(hit)}`);
  photo.addEventListener("click", onOpen);
  like.addEventListener("click", onLike);

  return {
    element,
    update(next) {
      // Sighted people read the number beside its title; others hear what it is.
      cosine.textContent = next.cosine === null ? "" : next.cosine.toFixed(2);
      cosine.setAttribute("aria-label", next.cosine === null ? "" : `cosine ${next.cosine.toFixed(2)}`);
    },
    place(box) {
      element.style.setProperty("--x", `${box.x}px`);
      element.style.setProperty("--y", `${box.y}px`);
      element.style.setProperty("--width", `${box.width}px`);
      element.style.setProperty("--height", `${box.height}px`);
    },
    setReachable(reachable) {
      for (const stop of element.querySelectorAll("button, a")) {
        stop.setAttribute("tabindex", reachable ? "0" : "-1");
      }
    },
    focus(options) {
      photo.focus(options);
    },
  };
}
