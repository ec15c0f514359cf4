// @ts-check
/** Makes a file the person gave ready to send: a big one is shrunk, upright, in the browser. */

/** Bigger pictures are shrunk: the API takes 4 MB, 25 million pixels of a WebP, and sides of up to
 * 65,535 pixels; a model looks at a few hundred. */
const LARGEST_BYTES = 3_000_000;
const LARGEST_PIXELS = 20_000_000;
const LARGEST_SIDE_PX = 60_000;
const LONG_SIDE_PX = 1280;
const JPEG_QUALITY = 0.9;

/** Why a file cannot be searched with, in words for the person. */
export class PictureError extends Error {}

/**
 * @param {File} file
 * @returns {Promise<Blob>}
 * @throws {PictureError} The file is no picture, or too big and of a format this browser cannot read.
 */
export async function preparePicture(file) {
  // Some systems give no type for rarer formats (HEIC); the server decides about those.
  if (file.type && !file.type.startsWith("image/")) {
    throw new PictureError(`“${file.name}” is not a picture.`);
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch (cause) {
    if (file.size <= LARGEST_BYTES) return file;
    throw new PictureError(
      `“${file.name}” is over 3 MB, and this browser cannot read it to make it smaller. Try a JPEG.`,
      { cause },
    );
  }
  const { width, height } = bitmap;
  const large = file.size > LARGEST_BYTES || width * height > LARGEST_PIXELS || Math.max(width, height) > LARGEST_SIDE_PX;
  const blob = large ? await shrink(bitmap, file.name) : file;
  bitmap.close();
  return blob;
}

/**
 * @param {ImageBitmap} bitmap
 * @param {string} name
 * @returns {Promise<Blob>}
 */
function shrink(bitmap, name) {
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
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (/** @type {Blob | null} */ blob) =>
        blob ? resolve(blob) : reject(new PictureError(`“${name}” cannot be made smaller.`)),
      "image/jpeg",
      JPEG_QUALITY,
    );
  });
}
