// The view as a file: a picture as it is on the screen (SVG, or PNG made of it), and the images as a table (CSV).

const DETAIL = 3; // pixels of a saved picture to a CSS pixel
const GAP = 16;
const TITLE = 26;
const FONT = "Helvetica, Arial, sans-serif";

async function saveView(kind) {
  if (kind === "csv") return save(new Blob([viewAsTable()], { type: "text/csv" }), kind);
  const drawing = await viewAsSvg();
  const text = new XMLSerializer().serializeToString(drawing);
  if (kind === "svg") return save(new Blob([text], { type: "image/svg+xml" }), kind);
  const picture = await decoded(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`);
  const canvas = document.createElement("canvas");
  canvas.width = DETAIL * drawing.getAttribute("width");
  canvas.height = DETAIL * drawing.getAttribute("height");
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(blob, kind));
}

function save(blob, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${[study.title, ...spaces().map(fullName)].join(" ").replace(/[^\p{L}\p{N}.]+/gu, "-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  speak(`Saved ${link.download}`);
}

async function decoded(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}

function viewAsTable() {
  const list = columns(d3.range(study.dimensions.length));
  list.splice(1, 0, { title: "Split", value: (i) => study.splits[splitOf(i)] });
  return d3.csvFormatRows([list.map(({ title }) => title), ...chosenImages().map((i) => list.map(({ value }) => value(i)))]) + "\n";
}

async function viewAsSvg() {
  const shown = shownPlots();
  const width = d3.sum(shown, (plot) => plot.width) + GAP * (shown.length - 1);
  const legend = legendLines(width);
  const height = TITLE + shown[0].height + 20 * legend.length + 8;
  const drawing = d3.create("svg:svg").attr("xmlns", "http://www.w3.org/2000/svg").attr("width", width).attr("height", height);
  drawing.attr("viewBox", `0 0 ${width} ${height}`).attr("font-family", FONT).attr("font-size", 11);
  drawing.append("rect").attr("width", width).attr("height", height).attr("fill", colour("--paper"));
  let left = 0;
  for (const plot of shown) {
    const group = drawing.append("g").attr("transform", `translate(${left},${TITLE})`);
    const title = view.layout === "arrows" ? `From ${fullName(view.left)} to ${fullName(view.run)}` : fullName(plot.space());
    group.append("text").attr("x", MARGIN.left).attr("y", -8).attr("font-size", 13).attr("font-weight", 600).attr("fill", colour("--ink")).text(title);
    appendAxes(group, plot);
    await appendImages(group, plot);
    left += plot.width + GAP;
  }
  legend.forEach((line, i) => appendLegend(drawing, line, TITLE + shown[0].height + 20 * i + 14));
  return drawing.node();
}

function appendAxes(group, plot) {
  const { across, up, counts } = ticksOf(plot);
  const [right, bottom] = [plot.width - MARGIN.right, plot.height - MARGIN.bottom];
  const text = (x, y, anchor, words) =>
    group.append("text").attr("x", x).attr("y", y).attr("text-anchor", anchor).attr("fill", colour("--ink")).text(words);
  const rule = (x1, y1, x2, y2) =>
    group.append("line").attr("x1", x1).attr("y1", y1).attr("x2", x2).attr("y2", y2).attr("stroke", colour("--grid"));
  for (const tick of across.ticks(counts[0])) {
    rule(across(tick), MARGIN.top, across(tick), bottom);
    text(across(tick), bottom + 15, "middle", across.tickFormat(counts[0])(tick));
  }
  for (const tick of up.ticks(counts[1])) {
    rule(MARGIN.left, up(tick), right, up(tick));
    text(MARGIN.left - 5, up(tick) + 4, "end", up.tickFormat(counts[1])(tick));
  }
  const frame = group.append("rect").attr("x", MARGIN.left).attr("y", MARGIN.top).attr("fill", "none").attr("stroke", colour("--line"));
  frame.attr("width", plot.innerWidth).attr("height", plot.innerHeight);
  text(plot.middle[0], plot.height - 5, "middle", axisTitle(plot, view.x)).attr("font-size", 12);
  text(0, 0, "middle", axisTitle(plot, view.y)).attr("font-size", 12).attr("transform", `translate(11,${plot.middle[1]}) rotate(-90)`);
}

async function appendImages(group, plot) {
  const mark = marksNow();
  const clip = `inside-${plot.id}`;
  const box = group.append("clipPath").attr("id", clip).append("rect").attr("x", MARGIN.left).attr("y", MARGIN.top);
  box.attr("width", plot.innerWidth).attr("height", plot.innerHeight);
  const inside = group.append("g").attr("clip-path", `url(#${clip})`);
  const radius = markRadius();
  for (const image of shownImages()) {
    const [x, y] = plot.position(image);
    if (!plot.isInside([x, y])) continue;
    const size = plot.sizeAt(image, [x, y]);
    const { colour: name, shape } = mark(image);
    const part = inside.append("g").attr("opacity", isLassoed(image) ? 1 : FADED);
    part.append("title").text(nameOf(image));
    if (size === 0) {
      part.append("path").attr("transform", `translate(${x},${y})`).attr("d", symbolPath(shape, radius));
      part.attr("fill", colour(name)).attr("stroke", colour("--mark-edge")).attr("stroke-width", 0.8);
      continue;
    }
    const line = frameLine(size);
    const [width, height] = framed(image, size, line).map((side) => side - line);
    const plate = part.append("rect").attr("x", x - width / 2).attr("y", y - height / 2).attr("rx", 4);
    plate.attr("width", width).attr("height", height);
    plate.attr("fill", colour("--plate")).attr("stroke", colour(name)).attr("stroke-width", line);
    const within = size - 2 * line;
    const picture = part.append("image").attr("x", x - within / 2).attr("y", y - within / 2).attr("width", within).attr("height", within);
    picture.attr("href", await photographAsPng(image, within));
  }
  if (!plot.arrowsTo) return;
  for (const [image, path] of arrowsOf(plot)) {
    const arrow = inside.append("path").attr("d", path).attr("fill", "none").attr("stroke", colour(mark(image).colour));
    arrow.attr("stroke-width", 1.3).attr("opacity", isLassoed(image) ? 0.85 : FADED);
  }
}

// Programs that draw or set type know PNG, but not all of them WebP.
async function photographAsPng(image, size) {
  const picture = await decoded(photographAddress(image));
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.ceil(size * DETAIL);
  const scale = canvas.width / Math.max(picture.naturalWidth, picture.naturalHeight);
  const [width, height] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
  canvas.getContext("2d").drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  return canvas.toDataURL("image/png");
}

// Entries of the legend by line, as many on each as fit.
function legendLines(width) {
  const { entries, value, unit, name } = colouring();
  if (!entries) return [[{ extent: d3.extent(imagesOf(view.split), value()), name: `${name} (${unit()})` }]];
  const perLine = Math.max(1, Math.floor((width - MARGIN.left) / 120));
  return d3.range(0, entries().length, perLine).map((from) => entries().slice(from, from + perLine));
}

function appendLegend(drawing, entries, y) {
  const text = (x, words) => drawing.append("text").attr("x", x).attr("y", y + 4).attr("fill", colour("--ink")).text(words);
  entries.forEach(({ name, mark, extent }, i) => {
    const x = MARGIN.left + 120 * i;
    if (mark) {
      const path = drawing.append("path").attr("transform", `translate(${x + 5},${y})`).attr("d", symbolPath(mark.shape, 4.5));
      path.attr("fill", colour(mark.colour));
      return text(x + 15, name);
    }
    scaleMarks().forEach((step, j) => {
      const cell = drawing.append("rect").attr("x", x + 40 + 4 * j).attr("y", y - 5).attr("width", 4.2).attr("height", 10);
      cell.attr("fill", step.colour);
    });
    text(x + 34, number(extent[0])).attr("text-anchor", "end");
    text(x + 40 + 4 * STEPS + 6, `${number(extent[1])}   ${name}`);
  });
}
