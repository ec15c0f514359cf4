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
 * @property {string} orientation
 * @property {string} colour
 */

/** @type {Readonly<Query>} */
export const EMPTY_QUERY = Object.freeze({
  text: "", photoId: "", picture: null, pictureLost: false, orientation: "", colour: "",
});

const ORIENTATIONS = ["landscape", "portrait", "square"];
const COLOURS = [
  "black", "white", "grey", "red", "orange", "yellow",
  "green", "teal", "blue", "purple", "pink", "brown",
];

/**
 * Tell whether there is nothing to search for; filters alone are not a search.
 * @param {Query} query
 */
export function isEmpty(query) {
  return !query.text.trim() && !query.photoId && !query.picture;
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
  if (query.orientation) parameters.set("orientation", query.orientation);
  if (query.colour) parameters.set("colour", query.colour);
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
  return {
    text: (parameters.get("q") ?? "").slice(0, 1000),
    photoId: parameters.get("photo_id") ?? "",
    picture: null,
    pictureLost: parameters.get("with") === "picture",
    orientation: oneOf("orientation", ORIENTATIONS),
    colour: oneOf("colour", COLOURS),
  };
}
