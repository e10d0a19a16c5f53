// Drawing the plots: axes and rings as SVG, the many images on a canvas.

const SMALLEST_PHOTOGRAPH = 20; // CSS pixels: smaller ones say less than a mark
const LARGEST_PHOTOGRAPH = 112;
const COVERED = 0.6; // of a plot's area by photographs, if they did not overlap
const TRAVEL = 450; // milliseconds for images on their way to new places
const MANY = 2000; // images: more than these do not travel
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let travel = null;

// Puts every image in its place; those that were elsewhere go there while one watches.
function movePlots({ animate = true } = {}) {
  travel?.stop();
  const moves = plots.map((plot) => plot.aim()).includes(true);
  const step = (t) => {
    for (const plot of plots) plot.go(t);
    drawPlots();
  };
  if (!animate || !moves || calm.matches || shownImages().size > MANY) return step(1);
  travel = d3.timer((elapsed) => {
    const t = Math.min(1, elapsed / TRAVEL);
    if (t === 1) travel.stop();
    step(d3.easeCubicInOut(t));
  });
}

// The fuller plot decides how large photographs are, or whether there is room for them at all.
function drawPlots() {
  const drawn = plots.filter((plot) => plot.at.size > 0);
  for (const plot of drawn) {
    plot.transform = plot.transformOf(view.zoom);
    plot.visible = [...shownImages()].filter((image) => plot.isInside(plot.position(image)));
  }
  const most = d3.max(drawn, (plot) => plot.visible.length);
  for (const plot of drawn) {
    const room = Math.sqrt((COVERED * plot.innerWidth * plot.innerHeight) / Math.max(most, 1));
    plot.size = Math.min(LARGEST_PHOTOGRAPH, Math.max(18, room));
    plot.photographs = view.marks === "photographs" || (view.marks === "auto" && room >= SMALLEST_PHOTOGRAPH);
    plot.stage.__zoom = plot.transform; // where d3.zoom goes on from
    drawAxes(plot);
    drawImages(plot);
    drawOverlay(plot);
  }
}

function drawAxes(plot) {
  const [x, y] = [plot.transform.rescaleX(plot.x), plot.transform.rescaleY(plot.y)];
  const [right, bottom] = [plot.width - MARGIN.right, plot.height - MARGIN.bottom];
  const across = d3.scaleLinear([x.invert(MARGIN.left), x.invert(right)], [MARGIN.left, right]);
  const up = d3.scaleLinear([y.invert(bottom), y.invert(MARGIN.top)], [bottom, MARGIN.top]);
  const axis = (kind, scale, pixels, length) =>
    kind(scale).ticks(Math.max(2, Math.round(pixels / 75))).tickSize(-length).tickPadding(6);
  plot.xAxis
    .attr("transform", `translate(0,${bottom})`)
    .call(axis(d3.axisBottom, across, plot.innerWidth, plot.innerHeight));
  plot.yAxis
    .attr("transform", `translate(${MARGIN.left},0)`)
    .call(axis(d3.axisLeft, up, plot.innerHeight, plot.innerWidth));
  plot.xTitle.attr("x", plot.middle[0]).attr("y", plot.height - 5).text(plot.axisTitle(view.x));
  plot.yTitle.attr("transform", `translate(12,${plot.middle[1]}) rotate(-90)`).text(plot.axisTitle(view.y));
}

function drawImages(plot) {
  plot.canvas.width = plot.width * devicePixelRatio;
  plot.canvas.height = plot.height * devicePixelRatio;
  const context = plot.canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top, plot.innerWidth, plot.innerHeight);
  context.clip();
  drawTraces(plot, context);
  if (plot.photographs) drawPhotographs(plot, context);
  else drawMarks(plot, context, plot.visible, Math.min(5.5, Math.max(3, plot.size / 4)));
}

// What the filters leave out stays as a trace.
function drawTraces(plot, context) {
  context.fillStyle = colour("--trace");
  for (const image of plot.at.keys()) {
    if (shownImages().has(image)) continue;
    const [x, y] = plot.position(image);
    context.fillRect(x - 1, y - 1, 2, 2);
  }
}

function drawPhotographs(plot, context) {
  const reach = plot.size / 2;
  for (const image of shownImages()) {
    const [x, y] = plot.position(image);
    if (x < -reach || x > plot.width + reach || y < -reach || y > plot.height + reach) continue;
    drawPhotograph(context, image, x, y, plot.size);
    drawMarks(plot, context, [image], 3.2, plot.size * 0.36);
  }
}

function drawMarks(plot, context, images, radius, aside = 0) {
  const shapes = markPaths(radius);
  context.lineWidth = radius > 4 ? 1 : 0.75;
  context.strokeStyle = colour("--paper");
  for (const image of images) {
    const group = groupOf(image);
    const [x, y] = plot.position(image);
    context.translate(x + aside, y + aside);
    context.fillStyle = colour(MARK_COLOURS[group % COLOURS]);
    context.fill(shapes[group % SHAPES.length]);
    context.stroke(shapes[group % SHAPES.length]);
    context.translate(-x - aside, -y - aside);
  }
}

let paths = { radius: null, shapes: null };

function markPaths(radius) {
  if (paths.radius !== radius) {
    paths = { radius, shapes: SHAPES.map((shape) => new Path2D(d3.symbol(shape, 3.2 * radius * radius)())) };
  }
  return paths.shapes;
}

// Rings around the images pointed at and chosen, and lines to the nearest neighbours in this space.
function drawOverlay(plot) {
  if (plot.at.size === 0) return;
  const radius = plot.photographs ? plot.size / 2 + 2 : 9;
  const nearest = view.image === null ? [] : plot.neighbours()[view.image];
  const rings = [
    ...nearest.map((image) => ["near", image, plot.photographs ? radius * 0.8 : 7]),
    ["chosen", view.image, radius],
    ["looked", looked, radius],
  ].filter(([, image]) => image !== null && plot.at.has(image));
  plot.overlay
    .selectAll("line")
    .data(nearest.map((image) => [plot.position(view.image), plot.position(image)]))
    .join("line")
    .attr("class", "to-neighbour")
    .attr("x1", ([from]) => from[0])
    .attr("y1", ([from]) => from[1])
    .attr("x2", ([, to]) => to[0])
    .attr("y2", ([, to]) => to[1]);
  plot.overlay
    .selectAll("circle")
    .data(rings)
    .join("circle")
    .attr("class", ([kind]) => `ring ${kind}`)
    .attr("r", ([, , size]) => size)
    .attr("cx", ([, image]) => plot.position(image)[0])
    .attr("cy", ([, image]) => plot.position(image)[1]);
  drawTip(plot);
}

// A card beside the image that is pointed at in this plot; on a phone, beside the one that was tapped.
function drawTip(plot) {
  const pointedAt = plots.find(({ stage }) => stage.matches(":hover")) ?? plots.find(({ stage }) => stage.matches(":focus"));
  const here = looked !== null && plot.at.has(looked) && plot === pointedAt;
  plot.tip.hidden = !here;
  if (!here) return;
  const [photograph, name, kind, guess] = plot.tip.children;
  photograph.src = photographAddress(looked);
  name.textContent = nameOf(looked);
  kind.textContent = labelOf(looked).name;
  const guesses = guessesOf(view.run, looked);
  guess.textContent = guesses ? `predicted: ${study.labels[guesses[0].label].name}, ${share(guesses[0].p)}` : "";
  const [x, y] = plot.position(looked);
  const away = (plot.photographs ? plot.size / 2 : 8) + 8;
  const { offsetWidth, offsetHeight } = plot.tip;
  const left = x + away + offsetWidth < plot.width ? x + away : x - away - offsetWidth;
  plot.tip.style.left = `${Math.max(2, left)}px`;
  plot.tip.style.top = `${Math.max(2, Math.min(plot.height - offsetHeight - 2, y - offsetHeight / 2))}px`;
}

// Colours of the style sheet, which differ in the dark.
let palette = new Map();

function colour(name) {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  palette = new Map();
  drawPlots();
});
