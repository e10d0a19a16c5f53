// The study: what the page was made with, read once and never changed. An image is its index in `study.images`.

const study = JSON.parse(document.getElementById("study").textContent);

const nameOf = (image) => study.images.id[image];
const splitOf = (image) => study.images.split[image];
const hasLabels = study.labels.length > 0;
const hasGroups = study.groups.length > 1;
// Null where an image has no label.
const labelOf = (image) => study.labels[study.images.label[image]] ?? null;
const labelName = (image) => labelOf(image)?.name ?? "";
const groupName = (image) => study.groups[labelOf(image)?.group] ?? "";
// What an image shows, in words: nothing in a study without labels.
const shownBy = (image) => (hasLabels ? [labelName(image) || "no label", hasGroups && groupName(image)].filter(Boolean) : []);
const splitWords = { train: "training", validation: "validation" };

const everyImage = d3.range(study.images.id.length);
const bySplit = study.splits.map((_, split) => everyImage.filter((image) => splitOf(image) === split));
const imagesOf = (split) => bySplit[split];
// What the search looks through. One letter can be written in several ways, which file systems mix.
const plain = (text) => text.normalize("NFKC").toLowerCase();
const searched = everyImage.map((image) => plain([nameOf(image), labelName(image), groupName(image)].join(" ")));
const searchedParts = ["name", hasLabels && "label", hasGroups && "superclass"].filter(Boolean).join(", ").replace(/, (\w+)$/, " or $1");

const twoDecimals = d3.format(".2f");
// A correlation with a constant is not defined.
const number = (value) => (value === null ? "not defined" : twoDecimals(value));
const share = (p) => (p > 0.995 ? "> 99 %" : p < 0.005 ? "< 1 %" : `${Math.round(100 * p)} %`);
const thousands = d3.format(",");

// What the coordinates that models are compared with are called: people's, or of a drawn study those that the program gave.
const human = study.drawn
  ? { name: "As drawn", short: "drawn", them: "the drawn values", their: "the drawn", space: "The drawn space" }
  : { name: "People", short: "people", them: "people", their: "people’s", space: "People’s space" };
// A space is a run of the study (a layer of a network), or null: people's.
const placesOf = (run) => (run ?? study.human).places;
const neighboursOf = (run) => (run ?? study.human).neighbours;
const seedsOf = d3.rollup(study.runs, (runs) => new Set(runs.map((run) => run.seed)).size, (run) => run.model);
const fullName = (run) => (run ? [run.model, run.layer, seedsOf.get(run.model) > 1 && `seed ${run.seed}`].filter(Boolean).join(", ") : human.short);

function guessesOf(run, image) {
  return !run || run.guesses === null ? null : study.guesses[run.guesses][image].map(([label, p]) => ({ label, p }));
}

// Labels of training images: with no label, or with another one, no prediction is right or wrong.
const learnt = new Set(imagesOf(study.splits.indexOf("train")).map((image) => study.images.label[image]));

// Whether the most probable label is right; null where no labels were predicted, or the image's label was not learnt.
function isRight(run, image) {
  const label = study.images.label[image];
  return !run || run.guesses === null || !learnt.has(label) ? null : study.guesses[run.guesses][image][0][0] === label;
}

const withoutVerdict = (image) => (labelOf(image) ? `the label ${labelName(image)} was not learnt` : "the image has no label");

// Distance between the places of every image in two spaces, over all dimensions, in the unit of people's coordinates.
function distancesBetween(one, other) {
  const [from, to] = [placesOf(one), placesOf(other)];
  return everyImage.map((image) => Math.sqrt(d3.sum(from[image], (value, k) => (value - to[image][k]) ** 2)));
}
