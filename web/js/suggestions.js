// @ts-check
/** The start page's searches to try, each on a photo that it finds; for the demo collection only. */

import { paintBlurHash } from "./blurhash.js";
import { EMPTY_QUERY, toAddress } from "./query.js";

/** @typedef {import("./query.js").Query} Query */
/** @typedef {import("./api.js").Page} Page */

const DEMO_MODEL = "photo-search/demo-clip";
const SUGGESTIONS = [
  "red balloon over the mountains", "sailboat at sunset", "snowy forest at night",
  "lighthouse in the fog", "yellow flowers in a meadow", "city in the rain",
];
/** Candidates per search: two searches may share their best photo. */
const CANDIDATES = 4;

/**
 * @param {HTMLElement} section
 * @param {object} parts
 * @param {() => Promise<{checkpoint: string}>} parts.findModel
 * @param {(query: Query, page: {k: number}) => Promise<Page>} parts.search
 * @param {(text: string) => void} parts.onChoose
 */
export function createSuggestions(section, { findModel, search, onChoose }) {
  const cards = SUGGESTIONS.map((text) => createCard(text, onChoose));
  section.replaceChildren(...cards);
  const used = new Set();
  let asked = 0;
  let running = false;
  let wanted = false;
  section.hidden = true;

  /** Put photos on the cards that have none yet, for as long as the start page is seen. */
  async function fill() {
    // One after the other: six at once would start six instances of an idle Lambda.
    while (wanted && asked < SUGGESTIONS.length) {
      const index = asked++;
      const page = await search({ ...EMPTY_QUERY, text: SUGGESTIONS[index] }, { k: CANDIDATES });
      const hit = page.hits.find(({ photo_id }) => !used.has(photo_id)) ?? page.hits[0];
      if (!hit) continue;
      used.add(hit.photo_id);
      paintBlurHash(/** @type {HTMLCanvasElement} */ (cards[index].querySelector("canvas")), hit.blur_hash);
      const image = /** @type {HTMLImageElement} */ (cards[index].querySelector("img"));
      image.addEventListener("load", () => cards[index].classList.add("loaded"));
      image.src = hit.thumbnail_url;
      image.title = hit.attribution.text;
    }
  }

  return {
    async show() {
      wanted = true;
      if (running) return;
      running = true;
      try {
        // A collection of one's own has no sailboats: what it holds nobody here knows.
        if (section.hidden) section.hidden = (await findModel()).checkpoint !== DEMO_MODEL;
        if (!section.hidden) await fill();
      } catch {
        // The words alone serve as well; a real search will say what is wrong.
      }
      running = false;
    },
    /** Leave the server to the search that was begun. */
    pause() {
      wanted = false;
    },
  };
}

/**
 * @param {string} text
 * @param {(text: string) => void} onChoose
 */
function createCard(text, onChoose) {
  const card = document.createElement("a");
  card.className = "suggestion";
  card.href = toAddress({ ...EMPTY_QUERY, text });
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  canvas.setAttribute("aria-hidden", "true");
  const image = Object.assign(document.createElement("img"), { alt: "", decoding: "async" });
  const label = document.createElement("span");
  label.textContent = text;
  card.append(canvas, image, label);
  card.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onChoose(text);
  });
  return card;
}
