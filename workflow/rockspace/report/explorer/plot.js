// One of the two scatter plots. Both show the same part of the plane, so that an image can be compared by its place.

const MARGIN = { top: 8, right: 7, bottom: 34, left: 40 };
const ZOOM_LIMITS = [0.7, 60];
const STEP = 1.6; // magnification by one press of a button
const REACH = 12; // CSS pixels: how near the pointer must be to a point
const PADDING = 26; // CSS pixels between the frame and the outermost images, for their photographs
// Side of the largest photographs (CSS pixels): without zoom, and at any zoom. They grow more slowly than the plot, so that
// room is made.
const LARGEST_UNZOOMED = 40;
const LARGEST_PHOTOGRAPH = 120;

class Plot {
  // `space()` gives the space that is shown: a run, or null for people's.
  constructor({ id, side, space }) {
    Object.assign(this, { id, side, space });
    // Where images are without zoom, by image (CSS pixels), and what the zoom makes of it.
    this.at = null;
    this.transform = d3.zoomIdentity;
    const copy = document.getElementById("plot-template").content.cloneNode(true);
    this.section = copy.querySelector(".plot");
    this.section.id = id;
    document.getElementById("plots").append(copy);
    const find = (selector) => this.section.querySelector(selector);
    this.heading = find("h2");
    this.heading.id = `${id}-title`;
    this.section.setAttribute("aria-labelledby", `${id}-title`);
    Object.assign(this, { stage: find(".stage"), tip: find(".tip"), caption: find(".caption"), canvas: find("canvas") });
    this.nothing = find(".nothing");
    this.buildLayers();
    this.listen();
  }

  // Grid lines lie under the photographs, rings over them.
  buildLayers() {
    const [under, over] = ["under", "over"].map((name) => d3.select(this.stage).select(`.${name}`));
    this.xAxis = under.append("g").attr("class", "axis");
    this.yAxis = under.append("g").attr("class", "axis");
    this.xTitle = under.append("text").attr("class", "axis-title").attr("text-anchor", "middle");
    this.yTitle = under.append("text").attr("class", "axis-title").attr("text-anchor", "middle");
    this.clip = over.append("clipPath").attr("id", `${this.id}-clip`).append("rect");
    this.overlay = over.append("g").attr("clip-path", `url(#${this.id}-clip)`);
    this.lassoLine = over.append("path").attr("class", "lasso");
  }

  listen() {
    this.zoom = d3
      .zoom()
      .scaleExtent(ZOOM_LIMITS)
      .extent(() => [
        [MARGIN.left, MARGIN.top],
        [this.width - MARGIN.right, this.height - MARGIN.bottom],
      ])
      // One finger scrolls the page until there is something to move; two fingers zoom.
      .filter((event) => !isLassoing() && (event.touches ? event.touches.length > 1 || view.zoom !== null : !event.button))
      .clickDistance(4)
      .tapDistance(8)
      .on("zoom", (event) => event.sourceEvent && zoomTo(this.zoomOf(event.transform)));
    d3.select(this.stage)
      .call(this.zoom)
      .on("dblclick.zoom", null)
      .on("pointermove", (event) => event.pointerType === "mouse" && !event.buttons && look(this.imageAt(event)))
      .on("pointerleave", (event) => event.pointerType === "mouse" && look(null))
      .on("click", (event) => {
        if (event.target.closest("button") || endedLasso(event)) return;
        look(this.imageAt(event));
        if (event.pointerType === "touch") showTapped(looked);
        this.choose(looked);
      })
      .on("keydown", (event) => event.target === this.stage && pressKey(this, event))
      .on("blur", () => look(null));
    listenToLasso(this);
    this.nothing.querySelector("button").addEventListener("click", showAll);
  }

  get isShown() {
    return view.layout === "side" || this.side === "left";
  }

  // Takes the size that the stage has now; returns whether it had another.
  measure() {
    const { clientWidth, clientHeight } = this.stage;
    if (clientWidth < 100 || clientHeight < 100) return false;
    if (clientWidth === this.width && clientHeight === this.height) return false;
    this.width = clientWidth;
    this.height = clientHeight;
    this.clip
      .attr("x", MARGIN.left)
      .attr("y", MARGIN.top)
      .attr("width", this.innerWidth)
      .attr("height", this.innerHeight);
    return true;
  }

  get innerWidth() {
    return this.width - MARGIN.left - MARGIN.right;
  }

  get innerHeight() {
    return this.height - MARGIN.top - MARGIN.bottom;
  }

  get middle() {
    return [MARGIN.left + this.innerWidth / 2, MARGIN.top + this.innerHeight / 2];
  }

  // Scales without zoom: the images of the split in both spaces fit, and a unit is as long across as up.
  fit() {
    const images = imagesOf(view.split);
    const ends = (k) => d3.extent(spaces().flatMap((run) => d3.extent(images, (i) => placesOf(run)[i][k])));
    const [xs, ys] = [ends(view.x), ends(view.y)];
    const length = Math.min(
      (this.innerWidth - 2 * PADDING) / (xs[1] - xs[0] || 1),
      (this.innerHeight - 2 * PADDING) / (ys[1] - ys[0] || 1),
    );
    const scale = (centre, values, sign) => {
      const middle = d3.mean(values);
      return d3.scaleLinear([middle, middle + 1], [centre, centre + sign * length]);
    };
    this.x = scale(this.middle[0], xs, 1);
    this.y = scale(this.middle[1], ys, -1);
  }

  // Places (CSS pixels, without zoom) of the split's images in a space.
  project(run) {
    const [places, at] = [placesOf(run), { x: new Float64Array(everyImage.length), y: new Float64Array(everyImage.length) }];
    for (const image of imagesOf(view.split)) {
      at.x[image] = this.x(places[image][view.x]);
      at.y[image] = this.y(places[image][view.y]);
    }
    return at;
  }

  // Works out where every image belongs; returns whether one of them is elsewhere now.
  aim() {
    if (!this.width || !this.isShown) return false;
    this.fit();
    const sameSplit = this.split === view.split;
    this.split = view.split;
    this.to = this.project(this.space());
    this.arrowsTo = view.layout === "arrows" ? this.project(view.run) : null;
    this.from = this.at !== null && sameSplit ? this.at : this.to;
    this.sized = null;
    this.nearest = null;
    return imagesOf(view.split).some((i) => this.from.x[i] !== this.to.x[i] || this.from.y[i] !== this.to.y[i]);
  }

  // Puts the images on their way: t runs from 0 to 1.
  go(t) {
    if (!this.width || !this.isShown) return;
    const between = (from, to) => (t === 1 ? to : from.map((value, i) => value + t * (to[i] - value)));
    this.at = { x: between(this.from.x, this.to.x), y: between(this.from.y, this.to.y) };
  }

  // Size of each photograph at the present magnification, 0 for a point; the same wherever the view is moved.
  sizes() {
    const k = this.transform.k;
    if (this.sized?.k !== k || this.sized.marks !== view.marks) {
      const images = [...shownImages()];
      const largest = Math.min(LARGEST_PHOTOGRAPH, LARGEST_UNZOOMED * Math.sqrt(k));
      this.nearest ??= distancesToNearest(images, this.to, LARGEST_PHOTOGRAPH);
      const sizes = view.marks === "points" ? new Float32Array(everyImage.length) : photographSizes(images, this.to, this.nearest, k, largest);
      this.sized = { k, marks: view.marks, sizes };
    }
    return this.sized.sizes;
  }

  // Size of an image's photograph where it is: none reaches over the frame.
  sizeAt(image, [x, y]) {
    const size = this.sizes()[image];
    if (size === 0) return 0;
    const toFrame = Math.min(x - MARGIN.left, this.width - MARGIN.right - x, y - MARGIN.top, this.height - MARGIN.bottom - y);
    const fitting = Math.min(size, 2 * toFrame);
    return fitting >= SMALLEST_PHOTOGRAPH ? fitting : 0;
  }

  transformOf(zoom) {
    if (!zoom) return d3.zoomIdentity;
    const { scale, x, y } = zoom;
    return d3.zoomIdentity.translate(...this.middle).scale(scale).translate(-this.x(x), -this.y(y));
  }

  zoomOf(transform) {
    const [x, y] = transform.invert(this.middle);
    return { scale: transform.k, x: this.x.invert(x), y: this.y.invert(y) };
  }

  zoomBy(factor) {
    if (!factor) return zoomTo(null);
    const now = this.zoomOf(this.transform);
    const [least, most] = ZOOM_LIMITS;
    zoomTo({ ...now, scale: Math.min(most, Math.max(least, now.scale * factor)) });
  }

  // Moves the point of the stage (CSS pixels) to its middle.
  centreOn(point) {
    const [x, y] = this.transform.invert(point);
    zoomTo({ scale: this.transform.k, x: this.x.invert(x), y: this.y.invert(y) });
  }

  // Where an image is in the stage (CSS pixels).
  position(image) {
    const { k, x, y } = this.transform;
    return [k * this.at.x[image] + x, k * this.at.y[image] + y];
  }

  isInside([x, y]) {
    return x >= MARGIN.left && x <= this.width - MARGIN.right && y >= MARGIN.top && y <= this.height - MARGIN.bottom;
  }

  // The image at a place of the stage (CSS pixels): its photograph is there, or its point is near.
  imageNear([x, y], reach = REACH) {
    let [best, least] = [null, Infinity];
    for (const image of shownImages()) {
      const [left, top] = this.position(image);
      const [across, up] = [Math.abs(left - x), Math.abs(top - y)];
      const half = this.sizeAt(image, [left, top]) / 2;
      const distance = half > 0 && Math.max(across, up) <= half ? 0 : Math.hypot(across, up);
      if (distance <= reach && distance < least) [best, least] = [image, distance];
    }
    return best;
  }

  imageAt(event) {
    const point = d3.pointer(event, this.stage);
    return this.isInside(point) ? this.imageNear(point, event.pointerType === "touch" ? 2 * REACH : REACH) : null;
  }

  bringIntoView(image) {
    if (this.at && !this.isInside(this.position(image))) this.centreOn(this.position(image));
  }

  choose(image) {
    change({ image });
    if (image === null) return speak("No image is selected.");
    showPanel("card");
    speak(`Selected: ${describe(image)} ${describeNeighbours(image)}`);
  }
}
