// How large each photograph can be: none covers another, or the point of an image that is drawn as a point.

const SMALLEST_PHOTOGRAPH = 20; // CSS pixels: smaller ones say less than a point
const POINT = 4.5; // CSS pixels: half of the room that a point needs

// Images by square cells, to find those near a place.
class Grid {
  constructor(images, at, side) {
    Object.assign(this, { at, side, cells: new Map() });
    for (const image of images) {
      const key = this.key(...this.cellOf(image));
      if (this.cells.has(key)) this.cells.get(key).push(image);
      else this.cells.set(key, [image]);
    }
  }

  cellOf(image) {
    return [Math.floor(this.at.x[image] / this.side), Math.floor(this.at.y[image] / this.side)];
  }

  key(column, row) {
    return column * 65536 + row;
  }

  // Calls `visit(other, distance)` for each other image in the cells around that of an image.
  around(image, visit) {
    const { x, y } = this.at;
    const [column, row] = this.cellOf(image);
    for (let i = column - 1; i <= column + 1; i++) {
      for (let j = row - 1; j <= row + 1; j++) {
        for (const other of this.cells.get(this.key(i, j)) ?? []) {
          if (other !== image) visit(other, Math.max(Math.abs(x[other] - x[image]), Math.abs(y[other] - y[image])));
        }
      }
    }
  }
}

// Distance (the larger of across and up) of each image to its nearest other, or `most` if that is less.
function distancesToNearest(images, at, most) {
  const nearest = new Float64Array(study.images.id.length).fill(most);
  // From narrow cells to wide ones, so that where images are dense few are compared.
  let left = images;
  for (let side = most / 16; left.length > 0 && side <= most; side *= 4) {
    const grid = new Grid(images, at, side);
    for (const image of left) grid.around(image, (_, distance) => (nearest[image] = Math.min(nearest[image], distance)));
    left = left.filter((image) => nearest[image] > side);
  }
  return nearest;
}

// Sizes of the photographs (CSS pixels) at a magnification `k`, 0 for a point.
// First, two neighbours share the room between them evenly; then those that got too little take what is left, the
// loneliest first; then all grow into the room that is still there.
function photographSizes(images, at, nearest, k, largest) {
  const sizes = new Float32Array(study.images.id.length);
  const fits = (image) => 2 * (nearest[image] * k - POINT) >= SMALLEST_PHOTOGRAPH;
  const candidates = images.filter(fits);
  const grid = new Grid(images, at, largest / k);
  const room = (image, between) => {
    let least = largest;
    grid.around(image, (other, distance) => (least = Math.min(least, between(other, distance * k))));
    return least;
  };
  const asPoint = (distance) => 2 * (distance - POINT);
  const shares = candidates.map((image) => room(image, (other, distance) => (fits(other) ? distance : asPoint(distance))));
  candidates.forEach((image, i) => (sizes[image] = shares[i] >= SMALLEST_PHOTOGRAPH ? shares[i] : 0));
  const lonely = d3.sort(candidates, (image) => -nearest[image]);
  for (const image of [...lonely.filter((each) => sizes[each] === 0), ...lonely]) {
    const free = room(image, (other, distance) => (sizes[other] ? 2 * distance - sizes[other] : asPoint(distance)));
    if (free >= SMALLEST_PHOTOGRAPH) sizes[image] = Math.max(sizes[image], free);
  }
  return sizes;
}
