// @ts-check
/** Decodes a BlurHash, after the algorithm that woltapp/blurhash publishes (Algorithm.md):
 * base-83 digits hold the factors of a small two-dimensional cosine transform in linear light. */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/**
 * Paint a BlurHash over a whole canvas; a malformed one leaves the canvas as it is.
 * @param {HTMLCanvasElement} canvas
 * @param {string} hash
 */
export function paintBlurHash(canvas, hash) {
  const pixels = decodeBlurHash(hash, canvas.width, canvas.height);
  const context = canvas.getContext("2d");
  if (pixels && context) context.putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
}

/**
 * Decode a BlurHash to opaque sRGB pixels.
 * @param {string} hash
 * @param {number} width In pixels.
 * @param {number} height In pixels.
 * @returns {Uint8ClampedArray<ArrayBuffer> | null} RGBA, row by row; null for a malformed hash.
 */
export function decodeBlurHash(hash, width, height) {
  const digits = Array.from(hash, (digit) => DIGITS.indexOf(digit));
  if (digits.length < 6 || digits.includes(-1)) return null;
  const columns = (digits[0] % 9) + 1;
  const rows = Math.floor(digits[0] / 9) + 1;
  if (digits.length !== 4 + 2 * columns * rows) return null;

  const factors = readFactors(digits, columns * rows);
  const across = cosines(columns, width);
  const down = cosines(rows, height);
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      let red = 0, green = 0, blue = 0;
      for (let row = 0, factor = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1, factor += 3) {
          const basis = across[column][x] * down[row][y];
          red += factors[factor] * basis;
          green += factors[factor + 1] * basis;
          blue += factors[factor + 2] * basis;
        }
      }
      pixels[at] = toSrgb(red);
      pixels[at + 1] = toSrgb(green);
      pixels[at + 2] = toSrgb(blue);
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

/**
 * Three factors of linear light per component: the mean colour, then the waves.
 * @param {number[]} digits
 * @param {number} count
 */
function readFactors(digits, count) {
  const factors = new Float64Array(count * 3);
  const mean = number(digits, 2, 4);
  factors.set([toLinear(mean >> 16), toLinear((mean >> 8) & 255), toLinear(mean & 255)]);
  const largest = (digits[1] + 1) / 166;
  for (let index = 1; index < count; index += 1) {
    const packed = number(digits, 4 + index * 2, 2);
    const steps = [Math.floor(packed / 361), Math.floor(packed / 19) % 19, packed % 19];
    factors.set(steps.map((step) => largest * signedSquare((step - 9) / 9)), index * 3);
  }
  return factors;
}

/**
 * @param {number[]} digits
 * @param {number} start
 * @param {number} length
 */
function number(digits, start, length) {
  return digits.slice(start, start + length).reduce((value, digit) => value * 83 + digit, 0);
}

/**
 * The waves of one axis: `cosines(n, size)[wave][position]`.
 * @param {number} count
 * @param {number} size
 */
function cosines(count, size) {
  return Array.from({ length: count }, (_, wave) =>
    Float64Array.from({ length: size }, (_, position) => Math.cos((Math.PI * wave * position) / size)));
}

/** @param {number} value */
const signedSquare = (value) => Math.sign(value) * value * value;

/** The sRGB transfer function (IEC 61966-2-1), from 0–255. @param {number} value */
function toLinear(value) {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** @param {number} light */
function toSrgb(light) {
  const share = Math.min(1, Math.max(0, light));
  return 255 * (share <= 0.0031308 ? share * 12.92 : 1.055 * share ** (1 / 2.4) - 0.055);
}
