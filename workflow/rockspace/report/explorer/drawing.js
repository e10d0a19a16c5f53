// Drawing the plots: axes and rings as SVG, the many images on a canvas.

const TRAVEL = 450; // milliseconds for images on their way to new places
const MANY = 2000; // images: more than these do not travel
const FADED = 0.18; // opacity of what is outside the lasso
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

const shownPlots = () => plots.filter((plot) => plot.isShown && plot.at !== null);

function drawPlots() {
  const mark = marksNow();
  for (const plot of shownPlots()) {
    plot.transform = plot.transformOf(view.zoom);
    plot.stage.__zoom = plot.transform; // where d3.zoom goes on from
    plot.stage.classList.toggle("moved", view.zoom !== null);
    drawAxes(plot);
    drawImages(plot, mark);
    drawOverlay(plot);
  }
}

function ticksOf(plot) {
  const [x, y] = [plot.transform.rescaleX(plot.x), plot.transform.rescaleY(plot.y)];
  const [right, bottom] = [plot.width - MARGIN.right, plot.height - MARGIN.bottom];
  return {
    across: d3.scaleLinear([x.invert(MARGIN.left), x.invert(right)], [MARGIN.left, right]),
    up: d3.scaleLinear([y.invert(bottom), y.invert(MARGIN.top)], [bottom, MARGIN.top]),
    counts: [plot.innerWidth, plot.innerHeight].map((pixels) => Math.max(2, Math.round(pixels / 75))),
  };
}

// What is written beside an axis: the dimension, and how closely the model follows it.
function axisTitle(plot, k) {
  const run = plot.space();
  if (view.layout === "arrows" || run === null) return study.dimensions[k];
  return `${study.dimensions[k]}, r = ${number(run.r[study.splits[view.split]][k])}`;
}

function drawAxes(plot) {
  const { across, up, counts } = ticksOf(plot);
  const axis = (kind, scale, count, length) => kind(scale).ticks(count).tickSize(-length).tickPadding(5);
  plot.xAxis
    .attr("transform", `translate(0,${plot.height - MARGIN.bottom})`)
    .call(axis(d3.axisBottom, across, counts[0], plot.innerHeight));
  plot.yAxis.attr("transform", `translate(${MARGIN.left},0)`).call(axis(d3.axisLeft, up, counts[1], plot.innerWidth));
  plot.xTitle.attr("x", plot.middle[0]).attr("y", plot.height - 5).text(axisTitle(plot, view.x));
  plot.yTitle.attr("transform", `translate(11,${plot.middle[1]}) rotate(-90)`).text(axisTitle(plot, view.y));
}

// Radius of marks (CSS pixels): many are smaller.
const markRadius = () => (shownImages().size > 1500 ? 3 : shownImages().size > 400 ? 4 : 4.8);

function drawImages(plot, mark) {
  const [width, height] = [Math.round(plot.width * devicePixelRatio), Math.round(plot.height * devicePixelRatio)];
  const context = plot.canvas.getContext("2d");
  if (plot.canvas.width !== width || plot.canvas.height !== height || !plot.marks) {
    Object.assign(plot.canvas, { width, height });
    plot.marks = new Marks(context);
  }
  const { marks } = plot;
  marks.start(markRadius());
  if (shownImages().size < imagesOf(view.split).length) {
    for (const image of imagesOf(view.split)) {
      const place = plot.position(image);
      if (!shownImages().has(image) && plot.isInside(place)) marks.add(traceMark, false, place);
    }
  }
  const photographs = [];
  for (const image of shownImages()) {
    const place = plot.position(image);
    if (!plot.isInside(place)) continue;
    const size = plot.sizeAt(image, place);
    if (size > 0) photographs.push([image, place, size]);
    else marks.add(mark(image), !isLassoed(image), place);
  }
  marks.finish();
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.save();
  context.beginPath();
  context.rect(MARGIN.left, MARGIN.top, plot.innerWidth, plot.innerHeight);
  context.clip();
  for (const [image, place, size] of photographs) drawFramed(context, image, mark(image), place, size);
  if (plot.arrowsTo) drawArrows(plot, context, mark);
  context.restore();
}

const frameLine = (size) => (size > 50 ? 2.5 : 1.5);

// A photograph on a plate, in a frame of its mark's colour, with its point in the middle.
function drawFramed(context, image, mark, [x, y], size) {
  const line = frameLine(size);
  context.globalAlpha = isLassoed(image) ? 1 : FADED;
  const [width, height] = framed(image, size, line);
  const [outer, inner] = [0, line].map((inset) => {
    const path = new Path2D();
    path.roundRect(x - width / 2 + inset, y - height / 2 + inset, width - 2 * inset, height - 2 * inset, 4.5 - inset / 2);
    return path;
  });
  context.fillStyle = colour("--plate");
  context.fill(inner);
  outer.addPath(inner);
  context.fillStyle = colour(mark.colour);
  context.fill(outer, "evenodd");
  drawPhotograph(context, image, x, y, size - 2 * line);
  context.globalAlpha = 1;
}

// The line and the head of an arrow between two places (CSS pixels), as an SVG path; from the edge of a photograph.
function arrowPath([x0, y0], [x1, y1], size) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = Math.hypot(dx, dy);
  const start = size > 0 ? Math.min(1, size / 2 / Math.max(Math.abs(dx), Math.abs(dy), 1e-9)) : 0;
  if (start === 1) return "";
  const head = Math.min(7, length * (1 - start));
  const [ux, uy] = [(dx / length) * head, (dy / length) * head];
  const part = (value) => value.toFixed(1);
  const wing = (side) => `M${part(x1)},${part(y1)}L${part(x1 - ux + side * uy * 0.5)},${part(y1 - uy - side * ux * 0.5)}`;
  return `M${part(x0 + start * dx)},${part(y0 + start * dy)}L${part(x1)},${part(y1)}${wing(1)}${wing(-1)}`;
}

// An image's arrow, as an SVG path; none where both ends are out of the frame.
function arrowOf(plot, image) {
  const { k, x, y } = plot.transform;
  const [from, to] = [plot.position(image), [k * plot.arrowsTo.x[image] + x, k * plot.arrowsTo.y[image] + y]];
  if (!plot.isInside(from) && !plot.isInside(to)) return "";
  return arrowPath(from, to, plot.isInside(from) ? plot.sizeAt(image, from) : 0);
}

const MOST_ARROWS = 300; // more of them hide each other

// The arrows of a plot: image and path. Of many, those in the lasso and then those of the greatest distance.
function arrowsOf(plot) {
  const arrows = [...shownImages()].map((image) => [image, arrowOf(plot, image)]).filter(([, path]) => path);
  if (arrows.length <= MOST_ARROWS) return arrows;
  const first = d3.sort(arrows, ([image]) => -isLassoed(image), ([image]) => -distanceOf(image));
  return first.slice(0, MOST_ARROWS);
}

function drawArrows(plot, context, mark) {
  context.lineWidth = 1.3;
  const byColour = d3.group(arrowsOf(plot), ([image]) => `${isLassoed(image) ? 0.85 : FADED} ${mark(image).colour}`);
  for (const [key, arrows] of byColour) {
    const [opacity, ...name] = key.split(" ");
    context.globalAlpha = Number(opacity);
    context.strokeStyle = colour(name.join(" "));
    context.stroke(new Path2D(arrows.map(([, path]) => path).join("")));
  }
  context.globalAlpha = 1;
}

// Rings around the images pointed at and selected, and lines to the nearest neighbours in this space; nothing around
// an image that is hidden.
function drawOverlay(plot) {
  if (!plot.isShown || plot.at === null) return;
  const shown = (image) => image !== null && shownImages().has(image);
  const nearest = shown(view.image) && view.layout === "side" ? neighboursOf(plot.space())[view.image].filter(shown) : [];
  const rings = [...nearest.map((image) => ["near", image]), ["chosen", view.image], ["looked", looked]]
    .filter(([, image]) => shown(image))
    .map(([kind, image]) => {
      const place = plot.position(image);
      const size = plot.sizeAt(image, place);
      const around = kind === "near" ? 14 : 18;
      const [width, height] = size > 0 ? framed(image, size, frameLine(size)).map((side) => side + 4) : [around, around];
      return { kind, place, width, height, radius: size > 0 ? 6 : around / 2 };
    });
  const lineTo = (image) => {
    const [from, to] = [plot.position(view.image), plot.position(image)];
    const start = (plot.sizeAt(view.image, from) / 2 || 9) / Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1e-9);
    return start < 1 ? [from.map((value, i) => value + start * (to[i] - value)), to] : [to, to];
  };
  plot.overlay
    .selectAll("line")
    .data(nearest.map(lineTo))
    .join("line")
    .attr("class", "to-neighbour")
    .attr("x1", ([from]) => from[0])
    .attr("y1", ([from]) => from[1])
    .attr("x2", ([, to]) => to[0])
    .attr("y2", ([, to]) => to[1]);
  plot.overlay
    .selectAll("rect")
    .data(rings)
    .join("rect")
    .attr("class", ({ kind }) => `ring ${kind}`)
    .attr("x", ({ place, width }) => place[0] - width / 2)
    .attr("y", ({ place, height }) => place[1] - height / 2)
    .attr("width", ({ width }) => width)
    .attr("height", ({ height }) => height)
    .attr("rx", ({ radius }) => radius);
  // In the map of arrows, those of these images over all others.
  plot.overlay
    .selectAll("path")
    .data(plot.arrowsTo ? [["chosen", view.image], ["looked", looked]].filter(([, image]) => shown(image)) : [])
    .join("path")
    .attr("class", ([kind]) => `ring ${kind}`)
    .attr("d", ([, image]) => arrowOf(plot, image));
  drawTip(plot);
}

const GLANCE = 4000; // milliseconds for which the card of a tapped image stays
let tapped = null;
let glance = null;

// On a touch screen the panel may be out of sight, so that the card is shown for a while.
function showTapped(image) {
  glance?.stop();
  tapped = image;
  glance = d3.timeout(() => {
    tapped = null;
    plots.forEach(drawOverlay);
  }, GLANCE);
}

// A card beside the image that is pointed at in this plot. What is selected is in the panel, and its card hides no neighbours.
function drawTip(plot) {
  const pointedAt = plots.find(({ stage }) => stage.matches(":hover")) ?? plots.find(({ stage }) => stage.matches(":focus"));
  const here = looked !== null && shownImages().has(looked) && plot === pointedAt && !isLassoing() && (looked !== view.image || looked === tapped);
  plot.tip.hidden = !here;
  if (!here) return;
  const [photograph, name, kind, ...said] = plot.tip.children;
  photograph.src = photographAddress(looked);
  name.textContent = nameOf(looked);
  kind.textContent = labelOf(looked) ? `true label: ${labelName(looked)}` : "";
  spaces().forEach((run, i) => {
    const guesses = guessesOf(run, looked);
    said[i].textContent = guesses
      ? `${view.left ? `${fullName(run)}: ` : ""}${{ true: "right, ", false: "wrong, ", null: "" }[isRight(run, looked)]}predicted ${study.labels[guesses[0].label].name} (${share(guesses[0].p)})`
      : "";
  });
  const [x, y] = plot.position(looked);
  const away = Math.max(plot.sizeAt(looked, [x, y]) / 2, 8) + 8;
  const { offsetWidth, offsetHeight } = plot.tip;
  const left = x + away + offsetWidth < plot.width ? x + away : x - away - offsetWidth;
  plot.tip.style.left = `${Math.max(2, left)}px`;
  plot.tip.style.top = `${Math.max(2, Math.min(plot.height - offsetHeight - 2, y - offsetHeight / 2))}px`;
}

dark.addEventListener("change", () => {
  palette = new Map();
  for (const plot of plots) plot.marks = null;
  events.call("view");
});
