// The study: what the page was made with, read once and never changed. An image is its index in `study.images`.

const study = JSON.parse(document.getElementById("study").textContent);
const imageCount = study.images.id.length;

const nameOf = (image) => study.images.id[image];
const splitOf = (image) => study.images.split[image];
const labelOf = (image) => study.labels[study.images.label[image]];
const splitWords = { train: "training", validation: "validation" };

// Marks tell superclasses apart; without superclasses they tell subtypes apart. Shapes and colours go round in cycles
// of different lengths, so that 42 of them differ.
const hasGroups = study.groups.length > 1;
const groupOf = (image) => (hasGroups ? labelOf(image).group : study.images.label[image]);
const groupName = (image) => study.groups[labelOf(image).group];
const SHAPES = [d3.symbolCircle, d3.symbolTriangle, d3.symbolSquare, d3.symbolDiamond, d3.symbolStar, d3.symbolWye];
const COLOURS = 7;
const shapeOf = (group) => SHAPES[group % SHAPES.length];
const MARK_COLOURS = d3.range(COLOURS).map((i) => `--mark-${i}`);
const colourOf = (group) => `var(${MARK_COLOURS[group % COLOURS]})`;

const number = d3.format(".2f");
const share = (p) => (p > 0.995 ? "> 99 %" : p < 0.005 ? "< 1 %" : `${Math.round(100 * p)} %`);
const thousands = d3.format(",");

function guessesOf(run, image) {
  return run.guesses === null ? null : study.guesses[run.guesses][image].map(([label, p]) => ({ label, p }));
}

// Whether the most probable label is right; null for a model that predicts no labels.
function isRight(run, image) {
  const guesses = guessesOf(run, image);
  return guesses && guesses[0].label === study.images.label[image];
}

// A mark as an SVG of its own, for legends.
function appendMark(selection, group, size = 12) {
  return selection
    .append("svg")
    .attr("class", "mark")
    .attr("width", size)
    .attr("height", size)
    .attr("viewBox", "-6 -6 12 12")
    .attr("aria-hidden", "true")
    .append("path")
    .attr("d", d3.symbol(shapeOf(group), 54)())
    .style("fill", colourOf(group));
}
