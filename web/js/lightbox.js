// @ts-check
/** One photo, large: the picture, what is known of it, its credit, and the way on. */

import { paintBlurHash } from "./blurhash.js";
import { showCredit } from "./credit.js";
import { describe, largePicture } from "./rendition.js";

/** @typedef {import("./api.js").Hit} Hit */

/** Beyond this a picture is visibly blurred. */
const LARGEST_SCALE = 1.5;

/**
 * @param {object} parts
 * @param {(photoId: string, signal: AbortSignal) => Promise<Record<string, any>>} parts.findPhoto
 * @param {(hit: Hit) => void} parts.onLike
 * @param {(hit: Hit | null) => void} parts.onClose Told which photo was seen last; null after "more like this".
 * @param {() => void} parts.onNearEnd
 */
export function createLightbox({ findPhoto, onLike, onClose, onNearEnd }) {
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const dialog = /** @type {HTMLDialogElement} */ (find("lightbox"));
  const picture = /** @type {HTMLImageElement} */ (find("lightbox-picture"));
  const canvas = /** @type {HTMLCanvasElement} */ (find("lightbox-blur"));
  const page = /** @type {HTMLAnchorElement} */ (find("lightbox-page"));
  const previous = find("lightbox-previous");
  const next = find("lightbox-next");
  /** The photos to leaf through: those of the answer it was opened from. @type {Hit[]} */
  let hits = [];
  let index = 0;
  let lookup = new AbortController();

  function show() {
    const hit = hits[index];
    lookup.abort();
    lookup = new AbortController();
    dialog.style.setProperty("--aspect", String(hit.width / hit.height));
    paintBlurHash(canvas, hit.blur_hash);
    find("lightbox-title").textContent = describe(hit);
    showCredit(find("lightbox-credit"), hit.attribution);
    page.href = hit.page_url || hit.image_url;
    page.textContent = hit.page_url ? "Open its page" : "Open the original";
    showWays();
    showPicture(hit);
    showFacts(factsOf(hit));
    findPhoto(hit.photo_id, lookup.signal)
      .then((photo) => showFacts([...factsOf(hit), ...moreFactsOf(photo)]))
      .catch(() => {}); // What the hit itself says is enough.
    if (index > hits.length - 5) onNearEnd();
  }

  function showWays() {
    const focused = document.activeElement;
    previous.hidden = index === 0;
    next.hidden = index === hits.length - 1;
    // A button that goes away would take the focus with it.
    if (focused === previous && previous.hidden) next.focus();
    if (focused === next && next.hidden) previous.focus();
  }

  /** The thumbnail is there at once; the large picture takes its place when it has come. @param {Hit} hit */
  function showPicture(hit) {
    picture.alt = describe(hit);
    picture.src = hit.thumbnail_url;
    limitTo(hit.width);
    const large = new Image();
    large.src = largePicture(hit, 2000);
    // An original that no browser shows (HEIC, TIFF) leaves the thumbnail standing.
    large.decode().then(() => {
      if (hits[index] === hit) picture.src = large.src;
    }, () => {
      if (hits[index] === hit && picture.naturalWidth) limitTo(picture.naturalWidth);
    });
  }

  /** @param {number} widthPx */
  function limitTo(widthPx) {
    dialog.style.setProperty("--largest", `${widthPx * LARGEST_SCALE}px`);
  }

  /** @param {[string, string][]} facts */
  function showFacts(facts) {
    find("lightbox-facts").replaceChildren(
      ...facts.flatMap(([name, value]) => [
        Object.assign(document.createElement("dt"), { textContent: name }),
        Object.assign(document.createElement("dd"), { textContent: value }),
      ]),
    );
  }

  /** @param {number} step */
  function leaf(step) {
    if (!hits[index + step]) return;
    index += step;
    show();
    find("lightbox-spoken").textContent = `Photo ${index + 1}: ${describe(hits[index])}`;
  }

  previous.addEventListener("click", () => leaf(-1));
  next.addEventListener("click", () => leaf(1));
  find("lightbox-close").addEventListener("click", () => dialog.close());
  find("lightbox-like").addEventListener("click", () => {
    dialog.close("like");
    onLike(hits[index]);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") leaf(-1);
    if (event.key === "ArrowRight") leaf(1);
  });
  dialog.addEventListener("close", () => {
    // The event comes a frame later in Chromium: Forward may have opened the photo again by then.
    if (dialog.open) return;
    lookup.abort();
    onClose(dialog.returnValue === "like" ? null : hits[index]);
  });

  return {
    /** @param {Hit[]} among @param {number} at */
    open(among, at) {
      hits = among;
      index = at;
      dialog.returnValue = "";
      find("lightbox-spoken").textContent = "";
      show();
      if (!dialog.open) dialog.showModal();
    },
    close() {
      dialog.close();
    },
    /** Go on into photos that were appended; close over others. @param {Hit[]} now */
    refresh(now) {
      if (!dialog.open || now === hits) return;
      if (!hits.every((hit, at) => hit === now[at])) return dialog.close();
      hits = now;
      showWays();
    },
  };
}

/**
 * @param {Hit} hit
 * @returns {[string, string][]}
 */
function factsOf(hit) {
  /** @type {[string, string][]} */
  const facts = [["Size", `${hit.width} × ${hit.height}`]];
  if (hit.cosine !== null) facts.unshift(["Cosine", hit.cosine.toFixed(3)]);
  if (hit.path) facts.push(["File", hit.path]);
  return facts;
}

/**
 * @param {Record<string, any>} photo
 * @returns {[string, string][]}
 */
function moreFactsOf(photo) {
  const taken = photo.taken_at ? new Date(photo.taken_at) : null;
  const where = [photo.place, photo.city, photo.country].filter(Boolean);
  /** @type {[string, string | undefined][]} */
  const facts = [
    ["Place", [...new Set(where)].join(", ")],
    ["Taken", taken?.toLocaleDateString(undefined, { dateStyle: "long" })],
    ["Camera", photo.camera],
    ["Licence", photo.licence],
    ["Colours", (photo.colours ?? []).join(", ")],
  ];
  return /** @type {[string, string][]} */ (facts.filter(([, value]) => value));
}
