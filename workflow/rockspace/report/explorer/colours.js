// What colours mean: what images can be coloured by, their marks, and the legend.

// Marks tell categories apart by colour and by shape. Both go round in cycles of different lengths, so that 42 differ.
const SHAPES = [d3.symbolCircle, d3.symbolTriangle, d3.symbolSquare, d3.symbolDiamond, d3.symbolStar, d3.symbolWye];
const MARK_COLOURS = d3.range(7).map((i) => `--mark-${i}`);
const STEPS = 32; // colours of a continuous scale

const categoryMarks = d3.range(MARK_COLOURS.length * SHAPES.length).map((i) => ({ colour: MARK_COLOURS[i % MARK_COLOURS.length], shape: i % SHAPES.length }));
const categoryMark = (index) => categoryMarks[index % categoryMarks.length];
const traceMark = { colour: "--trace", shape: null }; // of what the filters leave out
const otherMark = { colour: "--quiet", shape: 0 }; // of an image without a label, or with one that was not learnt
const verdictMarks = { right: categoryMark(0), wrong: categoryMark(1) };
// Cividis: the order of its colours is seen with every kind of colour vision. The end that is like the paper is left out.
const dark = matchMedia("(prefers-color-scheme: dark)");
const scaleBetween = (low, high) => d3.range(STEPS).map((i) => ({ colour: d3.interpolateCividis(low + ((high - low) * i) / (STEPS - 1)), shape: 0 }));
const SCALES = { light: scaleBetween(0, 0.9), dark: scaleBetween(0.25, 1) };
const scaleMarks = () => SCALES[dark.matches ? "dark" : "light"];

// By key: its name in the menu, whether it is there in the present view, and `marks()`, which tells how to mark an image.
// A continuous one has `value` and `unit`, a categorical one `entries` for the legend.
const colourings = new Map();
// The entry of images that are in no category, where there are such.
const without = (name, isSuch) => (imagesOf(view.split).some(isSuch) ? [{ name, mark: otherMark }] : []);
const labelsOf = (group) => study.labels.filter((label) => label.group === group).map(({ name }) => name).join(", ");
if (hasGroups) {
  colourings.set("superclass", {
    name: "superclass",
    marks: () => (image) => (labelOf(image) ? categoryMark(labelOf(image).group) : otherMark),
    entries: () => [
      ...study.groups.map((name, i) => ({ name: name || "no superclass", mark: categoryMark(i), members: labelsOf(i) })),
      ...without("no label", (image) => labelOf(image) === null),
    ],
  });
}
if (hasLabels) {
  colourings.set("label", {
    name: "label",
    marks: () => (image) => (labelOf(image) ? categoryMark(study.images.label[image]) : otherMark),
    entries: () => [...study.labels.map(({ name }, i) => ({ name, mark: categoryMark(i) })), ...without("no label", (image) => labelOf(image) === null)],
  });
}
colourings.set("distance", {
  name: "distance",
  value: () => distanceOf,
  unit: () => `from the place on the left to that on the right, in units of ${human.their} coordinates, over ${study.dimensions.length === 1 ? "the one dimension" : `all ${study.dimensions.length} dimensions`}`,
});
colourings.set("prediction", {
  name: "right or wrong",
  offered: () => view.run.guesses !== null,
  marks: () => (image) => ({ true: verdictMarks.right, false: verdictMarks.wrong, null: otherMark })[isRight(view.run, image)],
  entries: () => [
    ...Object.entries(verdictMarks).map(([name, mark]) => ({ name: view.left ? `${name} (${fullName(view.run)})` : name, mark })),
    ...without("not scored", (image) => isRight(view.run, image) === null),
  ],
});
study.dimensions.forEach((name, k) => {
  colourings.set(`dimension ${k + 1}`, {
    name,
    value: () => (image) => study.human.places[image][k],
    unit: () => `${human.their} coordinate`,
  });
});

const isOffered = ({ offered }) => !offered || offered();

function colouring() {
  const chosen = colourings.get(view.colour);
  if (chosen && isOffered(chosen)) return chosen;
  // Without labels, the dimension across: on the right, its order shows how closely the model follows it.
  return hasLabels ? colourings.values().next().value : colourings.get(`dimension ${view.x + 1}`);
}

// How each image is marked now: {colour: a name in the style sheet or a colour, shape: index}.
function marksNow() {
  const { marks, value } = colouring();
  if (marks) return marks();
  const of = value();
  const [low, high] = d3.extent(imagesOf(view.split), of);
  const steps = scaleMarks();
  return (image) => steps[Math.min(STEPS - 1, Math.floor((STEPS * (of(image) - low)) / (high - low || 1)))];
}

// Colours of the style sheet, which differ in the dark.
let palette = new Map();

function colour(name) {
  if (!name.startsWith("--")) return name;
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return palette.get(name);
}

const symbolPath = (shape, radius) => d3.symbol(SHAPES[shape], 3.2 * radius * radius)();

// A mark as an SVG of its own, for legends.
function appendMark(selection, { colour: name, shape }, size = 12) {
  selection
    .append("svg")
    .attr("class", "mark")
    .attr("width", size)
    .attr("height", size)
    .attr("viewBox", "-6 -6 12 12")
    .attr("aria-hidden", "true")
    .append("path")
    .attr("d", symbolPath(shape, 4.1))
    .style("fill", name.startsWith("--") ? `var(${name})` : name);
}

const FEW = 12; // entries that a legend shows
const WITH_MEMBERS = 4; // entries that have room for the labels in them

function showLegend() {
  const { entries, value, unit, name } = colouring();
  const legend = d3.select("#colours").text("");
  if (entries) {
    const list = entries();
    if (list.length > FEW) {
      legend.append("span").attr("class", "note").text(`A mark for each ${name}: see Labels.`);
      return;
    }
    for (const { name: entry, mark, members } of list) {
      const line = legend.append("span").attr("class", "entry");
      appendMark(line, mark, 13);
      line.append("span").text(entry);
      if (!members) continue;
      line.attr("title", `${entry}: ${members}`);
      if (list.length <= WITH_MEMBERS) line.classed("wide", true).append("small").text(members);
    }
    return;
  }
  const [low, high] = d3.extent(imagesOf(view.split), value());
  const scale = legend.append("span").attr("class", "scale");
  scale.append("span").text(number(low));
  const bar = scale.append("svg").attr("viewBox", `0 0 ${STEPS} 1`).attr("preserveAspectRatio", "none").attr("aria-hidden", "true");
  scaleMarks().forEach((mark, i) => bar.append("rect").attr("x", i).attr("width", 1.05).attr("height", 1).attr("fill", mark.colour));
  scale.append("span").text(number(high));
  legend.append("span").attr("class", "note").text(`${name}: ${unit()}`);
}
