// One of the two scatter plots. Both show the same part of the plane, so that an image can be compared by its place.

const MARGIN = { top: 8, right: 8, bottom: 38, left: 44 };
const ZOOM_LIMITS = [0.7, 60];
const STEP = 1.6; // magnification by one press of a button
const REACH = 14; // CSS pixels: how near the pointer must be to an image

class Plot {
  // `places()` gives the coordinates of every image in this space, `neighbours()` the nearest others, `axisTitle(k)`
  // what is written beside dimension k.
  constructor({ id, title, places, neighbours, axisTitle }) {
    Object.assign(this, { id, title, places, neighbours, axisTitle });
    // Where images are without zoom, by image (CSS pixels), and what the zoom makes of it.
    this.at = new Map();
    this.transform = d3.zoomIdentity;
    const copy = document.getElementById("plot-template").content.cloneNode(true);
    this.section = copy.querySelector(".plot");
    this.section.id = id;
    document.getElementById("plots").append(copy);
    const find = (selector) => this.section.querySelector(selector);
    find("h2").textContent = title;
    find("h2").id = `${id}-title`;
    this.section.setAttribute("aria-labelledby", `${id}-title`);
    find(".zoom").setAttribute("aria-label", `Zoom, ${title}`);
    Object.assign(this, { stage: find(".stage"), tip: find(".tip"), caption: find(".caption"), canvas: find("canvas") });
    this.buildLayers();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.stage);
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
  }

  listen() {
    this.zoom = d3
      .zoom()
      .scaleExtent(ZOOM_LIMITS)
      .extent(() => [
        [MARGIN.left, MARGIN.top],
        [this.width - MARGIN.right, this.height - MARGIN.bottom],
      ])
      // One finger scrolls the page, two fingers zoom.
      .filter((event) => (event.touches ? event.touches.length > 1 : !event.button))
      .clickDistance(4)
      .on("zoom", (event) => event.sourceEvent && zoomTo(this.zoomOf(event.transform)));
    d3.select(this.stage)
      .call(this.zoom)
      .on("dblclick.zoom", null)
      .on("pointermove", (event) => event.pointerType === "mouse" && !event.buttons && look(this.imageAt(event)))
      .on("pointerleave", (event) => event.pointerType === "mouse" && look(null))
      .on("click", (event) => {
        look(this.imageAt(event));
        this.choose(looked);
      })
      .on("keydown", (event) => pressKey(this, event))
      .on("blur", () => look(null));
    for (const button of this.section.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoomBy({ in: STEP, out: 1 / STEP, all: 0 }[button.dataset.zoom]));
    }
  }

  resize() {
    const { clientWidth, clientHeight } = this.stage;
    if (clientWidth < 100 || clientHeight < 100) return;
    this.width = clientWidth;
    this.height = clientHeight;
    this.clip
      .attr("x", MARGIN.left)
      .attr("y", MARGIN.top)
      .attr("width", this.innerWidth)
      .attr("height", this.innerHeight);
    movePlots({ animate: false });
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
    const of = (k) => d3.extent(imagesOf(view.split).flatMap((i) => [study.human.places[i][k], view.run.places[i][k]]));
    const [xs, ys] = [of(view.x), of(view.y)];
    const length = 0.9 * Math.min(this.innerWidth / (xs[1] - xs[0] || 1), this.innerHeight / (ys[1] - ys[0] || 1));
    const scale = (centre, values, sign) => {
      const middle = d3.mean(values);
      return d3.scaleLinear([middle, middle + 1], [centre, centre + sign * length]);
    };
    this.x = scale(this.middle[0], xs, 1);
    this.y = scale(this.middle[1], ys, -1);
  }

  // Works out where every image belongs; returns whether one of them is elsewhere now.
  aim() {
    if (!this.width) return false;
    this.fit();
    const places = this.places();
    this.from = this.at;
    this.to = new Map(imagesOf(view.split).map((i) => [i, [this.x(places[i][view.x]), this.y(places[i][view.y])]]));
    this.tree = d3.quadtree([...shownImages()], (i) => this.to.get(i)[0], (i) => this.to.get(i)[1]);
    return [...this.to].some(([i, [x, y]]) => this.from.has(i) && (this.from.get(i)[0] !== x || this.from.get(i)[1] !== y));
  }

  // Puts the images on their way: t runs from 0 to 1.
  go(t) {
    if (!this.width) return;
    const between = ([i, place]) => [i, d3.interpolateArray(this.from.get(i) ?? place, place)(t)];
    this.at = t === 1 ? this.to : new Map([...this.to].map(between));
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
    return this.transform.apply(this.at.get(image));
  }

  isInside([x, y]) {
    return x >= MARGIN.left && x <= this.width - MARGIN.right && y >= MARGIN.top && y <= this.height - MARGIN.bottom;
  }

  imageAt(event) {
    const [x, y] = this.transform.invert(d3.pointer(event, this.stage));
    const reach = Math.max(REACH, this.photographs ? this.size / 2 : 0) / this.transform.k;
    return this.tree.find(x, y, reach) ?? null;
  }

  bringIntoView(image) {
    if (!this.isInside(this.position(image))) this.centreOn(this.position(image));
  }

  choose(image) {
    change({ image });
    if (image === null) return speak("No image is selected.");
    speak(`Selected: ${describe(image)} ${describeNeighbours(image)}`);
  }
}
