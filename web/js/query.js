// @ts-check
/** What is asked, and how it is written into the page's address and read back. */

/**
 * @typedef {object} Picture A picture the person gave; it lives in this page only.
 * @property {Blob} blob The bytes to send.
 * @property {string} url An object URL to show it by.
 */

/**
 * @typedef {object} Query
 * @property {string} text
 * @property {string} photoId A photo of the collection to resemble; empty for none.
 * @property {Picture | null} picture A picture to resemble.
 * @property {boolean} pictureLost The address says that there was a picture, but no address can hold one.
 * @property {string} mode How words are matched; empty for by meaning. See `modeOf`.
 * @property {string} orientation
 * @property {string} colour
 * @property {string} country
 * @property {string} photographer
 * @property {string} camera
 */

/** @typedef {"orientation" | "colour" | "country" | "photographer" | "camera"} Filter */

/** @type {readonly Filter[]} */
export const FILTERS = ["orientation", "colour", "country", "photographer", "camera"];

const NO_FILTERS = { orientation: "", colour: "", country: "", photographer: "", camera: "" };

/** @type {Readonly<Query>} */
export const EMPTY_QUERY = Object.freeze({
  text: "", photoId: "", picture: null, pictureLost: false, mode: "", ...NO_FILTERS,
});

const ORIENTATIONS = ["landscape", "portrait", "square"];
const COLOURS = [
  "black", "white", "grey", "red", "orange", "yellow",
  "green", "teal", "blue", "purple", "pink", "brown",
];
const MODES = ["hybrid", "keyword"];
const LONGEST_NAME = 200;

/**
 * Tell whether there is nothing to search for; filters alone are not a search.
 * @param {Query} query
 */
export function isEmpty(query) {
  return !query.text.trim() && !query.photoId && !query.picture;
}

/**
 * The mode that a query is asked in. Without words there are none to match, and a picture has none:
 * beside one, words alone cannot be what ranks.
 * @param {Query} query
 */
export function modeOf({ mode, text, photoId, picture }) {
  if (!text.trim()) return "";
  return mode === "keyword" && (photoId || picture) ? "hybrid" : mode;
}

/**
 * The filters of a query that bind, by name.
 * @param {Query} query
 * @returns {Record<string, string>}
 */
export function filtersOf(query) {
  return Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, query[name]]));
}

/** @param {Query} query @returns {Query} */
export function withoutFilters(query) {
  return { ...query, ...NO_FILTERS };
}

/**
 * Tell whether two queries ask the same.
 * @param {Query} one
 * @param {Query} other
 */
export function isSame(one, other) {
  return one.picture === other.picture && toAddress(one) === toAddress(other);
}

/**
 * Write a query as the query string of a shareable address; empty for the start page.
 * @param {Query} query
 */
export function toAddress(query) {
  const parameters = new URLSearchParams();
  const text = query.text.trim();
  if (text) parameters.set("q", text);
  if (query.photoId) parameters.set("photo_id", query.photoId);
  if (query.picture || query.pictureLost) parameters.set("with", "picture");
  const mode = modeOf(query);
  if (mode) parameters.set("mode", mode);
  for (const [name, value] of Object.entries(filtersOf(query))) parameters.set(name, value);
  const address = parameters.toString();
  return address && `?${address}`;
}

/**
 * Read a query from an address; anything unknown in it is left out.
 * @param {string} address
 * @returns {Query}
 */
export function fromAddress(address) {
  const parameters = new URLSearchParams(address);
  const oneOf = (/** @type {string} */ name, /** @type {string[]} */ allowed) => {
    const value = parameters.get(name) ?? "";
    return allowed.includes(value) ? value : "";
  };
  const named = (/** @type {string} */ name) => (parameters.get(name) ?? "").trim().slice(0, LONGEST_NAME);
  return {
    text: (parameters.get("q") ?? "").slice(0, 1000),
    photoId: parameters.get("photo_id") ?? "",
    picture: null,
    pictureLost: parameters.get("with") === "picture",
    mode: oneOf("mode", MODES),
    orientation: oneOf("orientation", ORIENTATIONS),
    colour: oneOf("colour", COLOURS),
    country: named("country"),
    photographer: named("photographer"),
    camera: named("camera"),
  };
}
