// What a camera image shows by itself, so that a poor one is seen before it counts. The limits are those of the
// service, which judges each image that is added.

const SIDE = 112; // of the square that is measured, in pixels
const CELLS = 16; // a side of the thumbnail that images are compared by
const DARK = 40; // the luminance, of 255, that all but the brightest 1 % of a dark image stay below
const BRIGHT = 225; // the one that all but the darkest 1 % of a bright image exceed
const LEAST_CONTRAST = 8; // the standard deviation of the luminance
const LEAST_EDGE = 0.2; // the sharpest 1 % of the edges, as a share of the range of the luminance
const TAIL = 0.01;
const NEAR = 3; // the mean difference of luminance, of 255, up to which two images are nearly the same

const canvas = document.createElement("canvas");
canvas.width = SIDE;
canvas.height = SIDE;
const context = canvas.getContext("2d", { willReadFrequently: true });
context.imageSmoothingQuality = "medium"; // averages, so that noise is not taken for an edge

/** Measures the middle square of an image: `{ flaw, cells }`; `flaw` is null for a good one. */
export async function measure(blob) {
  const image = await createImageBitmap(blob);
  const side = Math.min(image.width, image.height);
  context.drawImage(image, (image.width - side) / 2, (image.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  image.close();
  const values = luminance(context.getImageData(0, 0, SIDE, SIDE).data);
  return { flaw: flaw(values), cells: cells(values) };
}

/** Whether two measured images are nearly the same. */
export function isNear(a, b) {
  let sum = 0;
  for (let i = 0; i < a.cells.length; i++) sum += Math.abs(a.cells[i] - b.cells[i]);
  return sum / a.cells.length < NEAR;
}

function luminance(pixels) {
  const values = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < values.length; i++) {
    values[i] = 0.299 * pixels[4 * i] + 0.587 * pixels[4 * i + 1] + 0.114 * pixels[4 * i + 2];
  }
  return values;
}

/** The first that applies: a black image has no shapes either, but what helps is light. */
function flaw(values) {
  const sorted = values.slice().sort();
  const darkest = atShare(sorted, TAIL);
  const brightest = atShare(sorted, 1 - TAIL);
  if (brightest < DARK) return "dark";
  if (darkest > BRIGHT) return "bright";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  if (Math.sqrt(variance) < LEAST_CONTRAST) return "flat";
  return sharpestEdge(values) < LEAST_EDGE * (brightest - darkest) ? "blurred" : null;
}

const atShare = (sorted, share) => sorted[Math.round((sorted.length - 1) * share)];

/** The difference to its four neighbors that only the sharpest pixels exceed. */
function sharpestEdge(values) {
  const edges = [];
  for (let y = 1; y < SIDE - 1; y++) {
    for (let x = 1; x < SIDE - 1; x++) {
      const at = y * SIDE + x;
      const around = values[at - 1] + values[at + 1] + values[at - SIDE] + values[at + SIDE];
      edges.push(Math.abs(4 * values[at] - around));
    }
  }
  return atShare(Float32Array.from(edges).sort(), 1 - TAIL);
}

/** The image reduced by averaging. */
function cells(values) {
  const size = SIDE / CELLS;
  const sums = new Float32Array(CELLS * CELLS);
  values.forEach((value, i) => {
    const row = Math.floor(i / SIDE / size);
    sums[row * CELLS + Math.floor((i % SIDE) / size)] += value / size ** 2;
  });
  return sums;
}
