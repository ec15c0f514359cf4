// @ts-check
/** Justified rows: every row fills the width, photos keep their order and their shape. Appending
 * changes no row but the last, so nothing that was read moves. */

/** @typedef {{x: number, y: number, width: number, height: number, row: number}} Box */

/** A panorama or a tower beyond these shapes is shown cropped: its row would be a thread or a wall. */
const NARROWEST = 0.5;
const WIDEST = 2.6;

/**
 * Place photos in rows.
 * @param {number[]} aspects Width over height of each photo.
 * @param {number} width Of the whole, in CSS pixels.
 * @param {{rowHeight: number, gap: number, captionHeight: number}} sizes `rowHeight` is aimed at.
 * @returns {{boxes: Box[], height: number}} A box's height is the photo's, without its caption.
 */
export function justify(aspects, width, { rowHeight, gap, captionHeight }) {
  /** @type {Box[]} */
  const boxes = [];
  let y = 0;
  let row = 0;

  /** @param {number[]} shapes @param {number} height */
  function place(shapes, height) {
    let reach = 0;
    for (const [index, shape] of shapes.entries()) {
      const x = Math.round(reach) + index * gap;
      reach += shape * height;
      boxes.push({ x, y, width: Math.round(reach) + index * gap - x, height: Math.round(height), row });
    }
    y += Math.round(height) + captionHeight + gap;
    row += 1;
  }

  /** @type {number[]} */
  let open = [];
  for (const aspect of aspects) {
    const shape = Math.min(WIDEST, Math.max(NARROWEST, aspect || 1));
    const before = filling(open, width, gap);
    const after = filling([...open, shape], width, gap);
    if (open.length > 0 && after < rowHeight && before - rowHeight < rowHeight - after) {
      place(open, before);
      open = [shape];
    } else {
      open.push(shape);
    }
    if (filling(open, width, gap) <= rowHeight) {
      place(open, filling(open, width, gap));
      open = [];
    }
  }
  // The last row is not stretched: two photos across the whole screen would shout.
  if (open.length > 0) place(open, Math.min(rowHeight, filling(open, width, gap)));
  return { boxes, height: Math.max(0, y - gap) };
}

/**
 * Height at which these shapes fill the width.
 * @param {number[]} shapes
 * @param {number} width
 * @param {number} gap
 */
function filling(shapes, width, gap) {
  const total = shapes.reduce((sum, shape) => sum + shape, 0);
  return total ? (width - gap * (shapes.length - 1)) / total : Infinity;
}

/**
 * Find the photo that an arrow key leads to.
 * @param {Box[]} boxes
 * @param {number} index Where the focus is.
 * @param {string} key
 * @returns {number | null} Null where the key leads nowhere.
 */
export function neighbour(boxes, index, key) {
  const last = boxes.length - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key === "ArrowLeft") return index > 0 ? index - 1 : null;
  if (key === "ArrowRight") return index < last ? index + 1 : null;
  const wanted = boxes[index].row + (key === "ArrowDown" ? 1 : -1);
  const centre = boxes[index].x + boxes[index].width / 2;
  let best = null;
  let nearest = Infinity;
  for (const [other, box] of boxes.entries()) {
    const distance = Math.abs(box.x + box.width / 2 - centre);
    if (box.row === wanted && distance < nearest) [best, nearest] = [other, distance];
  }
  return best;
}
