// @ts-check
/** The form at the top: words, how they are matched, the picture to resemble, and two filters. */

import { modeOf } from "./query.js";

/** @typedef {import("./query.js").Query} Query */

/**
 * @typedef {object} Reference The picture to resemble, as shown in the box.
 * @property {string} label
 * @property {string} url
 */

/**
 * @param {object} on
 * @param {() => void} on.onType A character came or went.
 * @param {() => void} on.onSettle The words are finished: Enter, or the focus moved on.
 * @param {() => void} on.onFilter
 * @param {(mode: string) => void} on.onMode
 * @param {() => void} on.onClear
 * @param {() => void} on.onRemoveReference
 * @param {() => void} on.onDown The arrow down: on to the photos.
 */
export function createSearchBox({ onType, onSettle, onFilter, onMode, onClear, onRemoveReference, onDown }) {
  const find = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const form = /** @type {HTMLFormElement} */ (find("search"));
  const filters = /** @type {HTMLFormElement} */ (find("filters"));
  const words = /** @type {HTMLInputElement} */ (find("words"));
  const mode = /** @type {HTMLSelectElement} */ (find("mode"));
  const clear = find("clear");
  const reference = find("reference");
  const referencePicture = /** @type {HTMLImageElement} */ (find("reference-picture"));

  words.addEventListener("input", () => {
    clear.hidden = !words.value;
    onType();
  });
  words.addEventListener("change", onSettle);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onSettle();
  });
  words.addEventListener("keydown", (event) => {
    // The key is for the input method: Escape there takes back a syllable, not the search.
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      if (words.value) onClear();
      else words.blur();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      onDown();
    }
  });
  clear.addEventListener("click", onClear);
  find("reference-remove").addEventListener("click", onRemoveReference);
  filters.addEventListener("change", ({ target }) => (target === mode ? onMode(mode.value) : onFilter()));
  filters.addEventListener("submit", (event) => event.preventDefault());

  document.addEventListener("keydown", (event) => {
    const writing = event.target instanceof Element && event.target.matches("input:not([type=radio]), textarea");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || writing) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    focus();
  });

  function focus() {
    words.focus();
    words.select();
  }

  return {
    focus,
    /** What the form says, without the picture and the mode: one without words says nothing of it. */
    read() {
      const chosen = new FormData(filters);
      return {
        text: words.value,
        orientation: String(chosen.get("orientation") ?? ""),
        colour: String(chosen.get("colour") ?? ""),
      };
    },
    /** Make the form say what the query says. @param {Query} query */
    write(query) {
      if (words.value.trim() !== query.text.trim()) words.value = query.text;
      clear.hidden = !words.value;
      mode.value = modeOf(query);
      find("mode-choice").hidden = !query.text.trim();
      // A picture has no words to match.
      mode.options[2].disabled = query.photoId !== "" || query.picture !== null;
      for (const name of /** @type {const} */ (["orientation", "colour"])) {
        // Assigning to the group's value is shorter, but Chromium then finds no radio of value "".
        for (const radio of /** @type {RadioNodeList} */ (filters.elements.namedItem(name))) {
          const input = /** @type {HTMLInputElement} */ (radio);
          input.checked = input.value === query[name];
        }
      }
    },
    /** Show the picture to resemble, or none. @param {Reference | null} shown */
    showReference(shown) {
      reference.hidden = !shown;
      words.placeholder = shown ? "Add words to it" : "Describe the photo";
      if (shown?.url) referencePicture.src = shown.url;
      else referencePicture.removeAttribute("src");
      if (!shown) return;
      find("reference-label").textContent = shown.label;
    },
    /** Say something below the box; an empty note hides it. @param {string} note */
    showNote(note) {
      find("picture-note").textContent = note;
      find("picture-note").hidden = !note;
    },
  };
}
