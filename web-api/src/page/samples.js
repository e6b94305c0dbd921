// Images of sample things, drawn anew at each visit: nothing is loaded for them. Each view of a thing differs in
// its angle, size, place, color, light and background, as photos do.

const SIZE = 192;

/** Numbers from 0 to 1 that look random and are the same for the same seed. */
function numbers(seed) {
  let state = seed * 2654435761 >>> 0;
  return (low = 0, high = 1) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return low + (high - low) * (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296);
  };
}

/** A round shine: light at the upper left, dark at the lower right. */
function shine(pen, hue, saturation, light, radius) {
  const paint = pen.createRadialGradient(-radius * 0.4, -radius * 0.45, radius * 0.05, 0, 0, radius * 1.15);
  paint.addColorStop(0, `hsl(${hue} ${saturation}% ${light + 30}%)`);
  paint.addColorStop(0.35, `hsl(${hue} ${saturation}% ${light}%)`);
  paint.addColorStop(1, `hsl(${hue - 6} ${saturation}% ${light - 24}%)`);
  return paint;
}

/** The shades of an upright round body. */
function barrel(pen, hue, saturation, light, half) {
  const paint = pen.createLinearGradient(-half, 0, half, 0);
  for (const [at, more] of [[0, -8], [0.28, 16], [0.5, 0], [1, -24]]) {
    paint.addColorStop(at, `hsl(${hue} ${saturation}% ${light + more}%)`);
  }
  return paint;
}

function fill(pen, paint, path) {
  pen.beginPath();
  path();
  pen.fillStyle = paint;
  pen.fill();
}

function oval(pen, paint, x, y, wide, high, turn = 0) {
  fill(pen, paint, () => pen.ellipse(x, y, wide, high, turn, 0, 7));
}

function stem(pen, from, to, width) {
  pen.beginPath();
  pen.moveTo(0, from);
  pen.quadraticCurveTo(2, (from + to) / 2, 9, to);
  pen.lineWidth = width;
  pen.lineCap = "round";
  pen.strokeStyle = "#5b4426";
  pen.stroke();
}

/** A mark or a hand of a clock, from its outer end on. */
function hand(pen, turn, from, length, width) {
  pen.save();
  pen.rotate(turn);
  pen.fillStyle = "#1b1b1b";
  pen.fillRect(-width / 2, from, width, length);
  pen.restore();
}

const THINGS = {
  apple(pen, any) {
    const hue = any(-12, 8);
    fill(pen, shine(pen, hue, 78, 42, 56), () => {
      pen.moveTo(0, -38);
      pen.bezierCurveTo(24, -62, 66, -44, 58, 2);
      pen.bezierCurveTo(54, 38, 30, 62, 0, 54);
      pen.bezierCurveTo(-30, 62, -54, 38, -58, 2);
      pen.bezierCurveTo(-66, -44, -24, -62, 0, -38);
    });
    oval(pen, "rgb(60 10 8 / 45%)", 0, -38, 14, 5);
    stem(pen, -36, -62, 5);
    if (any() < 0.6) oval(pen, "#5d9440", 24, -60, 16, 7, -0.4);
  },
  mug(pen, any) {
    const hue = any(205, 235);
    pen.beginPath();
    pen.ellipse(46, 4, 24, 26, 0, -1.7, 1.7);
    pen.lineWidth = 11;
    pen.strokeStyle = `hsl(${hue} 60% 34%)`;
    pen.stroke();
    fill(pen, barrel(pen, hue, 62, 46, 44), () => {
      pen.moveTo(-44, -46);
      pen.lineTo(-40, 46);
      pen.bezierCurveTo(-38, 60, 38, 60, 40, 46);
      pen.lineTo(44, -46);
    });
    oval(pen, `hsl(${hue} 50% 68%)`, 0, -46, 44, 13);
    oval(pen, `hsl(${hue} 30% 20%)`, 0, -44, 38, 10);
  },
  clock(pen, any) {
    oval(pen, shine(pen, any(0, 360), 40, 34, 64), 0, 0, 62, 62);
    oval(pen, "#f7f5ee", 0, 0, 53, 53);
    for (let hour = 0; hour < 12; hour++) hand(pen, hour * Math.PI / 6, -50, hour % 3 > 0 ? 7 : 12, 3);
    hand(pen, any(0, 7), -28, 34, 6);
    hand(pen, any(0, 7), -42, 48, 4);
    oval(pen, "#1b1b1b", 0, 0, 5, 5);
  },
};

const NAMES = Object.keys(THINGS);

function background(pen, any) {
  const hue = any(0, 360);
  const light = any(78, 95);
  const paint = pen.createLinearGradient(0, 0, any(-40, 40), SIZE);
  paint.addColorStop(0, `hsl(${hue} 14% ${light}%)`);
  paint.addColorStop(0.62, `hsl(${hue} 12% ${light - 5}%)`);
  paint.addColorStop(0.64, `hsl(${hue + 20} 16% ${light - 12}%)`);
  paint.addColorStop(1, `hsl(${hue + 20} 16% ${light - 4}%)`);
  pen.fillStyle = paint;
  pen.fillRect(0, 0, SIZE, SIZE);
}

/** A view of "apple", "mug" or "clock" on a canvas. */
function drawn(name, view) {
  const any = numbers(view * 97 + NAMES.indexOf(name) * 1009 + 1);
  const canvas = document.createElement("canvas");
  canvas.width = SIZE;
  canvas.height = SIZE;
  const pen = canvas.getContext("2d");
  background(pen, any);
  pen.translate(SIZE / 2 + any(-14, 14), SIZE / 2 + any(-8, 12));
  const size = any(0.82, 1.18);
  pen.filter = "blur(5px)";
  oval(pen, "rgb(0 0 0 / 30%)", 8, 58 * size, 58 * size, 10);
  pen.filter = "none";
  pen.scale(any() < 0.5 ? -size : size, size * any(0.94, 1.06));
  pen.rotate(any(-0.22, 0.22));
  THINGS[name](pen, any);
  return canvas;
}

/** The same as a file. Equal numbers give equal views. */
export function sample(name, view) {
  const type = "image/jpeg";
  return new Promise((resolve) => {
    drawn(name, view).toBlob((blob) => resolve(new File([blob], `${name}-${view + 1}.jpg`, { type })), type, 0.9);
  });
}
