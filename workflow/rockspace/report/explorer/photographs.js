// Photographs: all of them small on one sheet, which is there at once, and each by itself, larger, when it is needed.

const photographAddress = (image) => `data:image/webp;base64,${study.photographs[image]}`;

// Decoded aside, and held decoded: what an <img> holds is decoded again when a canvas draws it, which holds up everything.
let sheet = null;
createImageBitmap(new Blob([bytesOf(study.sheet.picture)], { type: "image/webp" })).then((decoded) => {
  sheet = decoded;
  events.call("zoom");
  document.getElementById("plots").removeAttribute("aria-busy");
});

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const larger = new Map();
let waiting = null;

function largerPhotograph(image) {
  if (!larger.has(image)) {
    const picture = new Image();
    larger.set(image, picture);
    picture.onload = () => {
      waiting ??= d3.timeout(() => {
        waiting = null;
        events.call("zoom");
      });
    };
    picture.src = photographAddress(image);
  }
  const picture = larger.get(image);
  return picture.complete && picture.naturalWidth ? picture : null;
}

// Width and height of a photograph in its frame, of which the longer side is `size`, and the frame `line` wide.
const framed = (image, size, line) => study.shapes[image].map((part) => part * (size - 2 * line) + 2 * line);

// Draws a photograph that is `size` CSS pixels on its longer side around a point.
function drawPhotograph(context, image, x, y, size) {
  const { tile, columns } = study.sheet;
  const picture = size * devicePixelRatio > tile * 1.2 ? largerPhotograph(image) : null;
  if (picture) {
    const scale = size / Math.max(picture.naturalWidth, picture.naturalHeight);
    const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
    context.drawImage(picture, x - width / 2, y - height / 2, width, height);
  } else if (sheet) {
    const [row, column] = [Math.floor(image / columns), image % columns];
    context.drawImage(sheet, column * tile, row * tile, tile, tile, x - size / 2, y - size / 2, size, size);
  }
}
