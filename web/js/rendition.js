// @ts-check
/** Which size of a picture to show: Unsplash's are hotlinked through its resizing parameters. */

/** @typedef {import("./api.js").Hit} Hit */

/**
 * The address of a rendition about this wide; a photo of one's own has only the one it has.
 * @param {Hit} hit
 * @param {number} widthPx
 */
export function largePicture(hit, widthPx) {
  const url = new URL(hit.image_url, document.baseURI);
  if (url.hostname === "images.unsplash.com") {
    url.searchParams.set("w", String(Math.min(widthPx, hit.width)));
    url.searchParams.set("q", "85");
    url.searchParams.set("fm", "jpg");
  }
  return url.href;
}

/**
 * What a picture shows, in words, for those who do not see it.
 * @param {Hit} hit
 */
export function describe(hit) {
  const fileName = hit.path?.split("/").at(-1);
  return hit.description || hit.attribution.text || fileName || "Photo without a description";
}
