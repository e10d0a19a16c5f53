// Drawing thousands of marks: each kind is drawn once, and its pixels are copied to every place. Software canvases, which
// are what browsers fall back to, take ten times as long to draw them one by one.

class Marks {
  // `context` is a plot's canvas.
  constructor(context) {
    const { width, height } = context.canvas;
    Object.assign(this, { context, width, height, radius: null });
    this.image = context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  start(radius) {
    if (radius !== this.radius) Object.assign(this, { radius, opaque: new Map(), faded: new Map() });
    this.pixels.fill(0);
  }

  // The pixels of a mark, drawn when it is needed first.
  kind(mark, faded) {
    const kinds = faded ? this.faded : this.opaque;
    if (!kinds.has(mark)) {
      const side = Math.ceil((2 * this.radius + 6) * devicePixelRatio);
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const drawing = canvas.getContext("2d");
      drawing.translate(side / 2, side / 2);
      drawing.scale(devicePixelRatio, devicePixelRatio);
      drawing.globalAlpha = faded ? FADED : 1;
      drawing.fillStyle = colour(mark.colour);
      if (mark.shape === null) {
        drawing.fillRect(-1, -1, 2, 2);
      } else {
        const path = new Path2D(symbolPath(mark.shape, this.radius));
        drawing.fill(path);
        drawing.lineWidth = 0.8;
        drawing.strokeStyle = colour("--mark-edge");
        drawing.stroke(path);
      }
      kinds.set(mark, { side, ...this.inked(drawing.getImageData(0, 0, side, side)) });
    }
    return kinds.get(mark);
  }

  // The pixels of a picture that are not transparent: their colours, and where they are from the first one.
  inked({ data, width }) {
    const colours = new Uint32Array(data.buffer);
    const inked = d3.range(colours.length).filter((i) => data[4 * i + 3] > 0);
    return {
      colours: Uint32Array.from(inked, (i) => colours[i]),
      places: Int32Array.from(inked, (i) => Math.floor(i / width) * this.width + (i % width)),
    };
  }

  // Copies a mark around a place (CSS pixels).
  add(mark, faded, [x, y]) {
    const { side, colours, places } = this.kind(mark, faded);
    const left = Math.round(x * devicePixelRatio - side / 2);
    const top = Math.round(y * devicePixelRatio - side / 2);
    if (left < 0 || top < 0 || left + side > this.width || top + side > this.height) return;
    const { pixels } = this;
    const start = top * this.width + left;
    for (let i = 0; i < places.length; i++) {
      const at = start + places[i];
      const below = pixels[at];
      pixels[at] = below === 0 || colours[i] >>> 24 === 255 ? colours[i] : blended(colours[i], below);
    }
  }

  finish() {
    this.context.putImageData(this.image, 0, 0);
  }
}

// One pixel (alpha, blue, green, red from the highest byte) over another: source-over, for colours that are not multiplied by alpha.
function blended(over, under) {
  const alpha = over >>> 24;
  const left = ((under >>> 24) * (255 - alpha)) / 255;
  const sum = alpha + left;
  const mix = (shift) => (((over >>> shift) & 255) * alpha + ((under >>> shift) & 255) * left) / sum;
  return ((sum << 24) | (mix(16) << 16) | (mix(8) << 8) | mix(0)) >>> 0;
}
