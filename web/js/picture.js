// @ts-check
/** Makes a file the person gave ready to send: a big one is shrunk, upright, in the browser. */

/** @typedef {import("./query.js").Picture} Picture */

/** Bigger files are shrunk: the API takes 4 MB, and a model looks at a few hundred pixels. */
const LARGEST_BYTES = 3_000_000;
const LONG_SIDE_PX = 1280;
const JPEG_QUALITY = 0.9;

/** Why a file cannot be searched with, in words for the person. */
export class PictureError extends Error {}

/**
 * @param {File} file
 * @returns {Promise<Picture>}
 * @throws {PictureError} The file is no picture, or too big and of a format this browser cannot read.
 */
export async function preparePicture(file) {
  // Some systems give no type for rarer formats (HEIC); the server decides about those.
  if (file.type && !file.type.startsWith("image/")) {
    throw new PictureError(`“${file.name}” is not a picture.`);
  }
  const blob = file.size > LARGEST_BYTES ? await shrink(file) : file;
  return { blob, url: URL.createObjectURL(blob) };
}

/** @param {File} file */
async function shrink(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (cause) {
    throw new PictureError(
      `“${file.name}” is over 3 MB, and this browser cannot read it to make it smaller. Try a JPEG.`,
      { cause },
    );
  }
  const scale = Math.min(1, LONG_SIDE_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  // JPEG has no transparency; white is what the server puts behind it as well.
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (/** @type {Blob | null} */ blob) =>
        blob ? resolve(blob) : reject(new PictureError(`“${file.name}” cannot be made smaller.`)),
      "image/jpeg",
      JPEG_QUALITY,
    );
  });
}
