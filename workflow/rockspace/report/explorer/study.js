// The study: what the page was made with, read once and never changed. An image is its index in `study.images`.

const study = JSON.parse(document.getElementById("study").textContent);

const nameOf = (image) => study.images.id[image];
const splitOf = (image) => study.images.split[image];
const labelOf = (image) => study.labels[study.images.label[image]];
const groupName = (image) => study.groups[labelOf(image).group];
const splitWords = { train: "training", validation: "validation" };

const everyImage = d3.range(study.images.id.length);
const bySplit = study.splits.map((_, split) => everyImage.filter((image) => splitOf(image) === split));
const imagesOf = (split) => bySplit[split];
// What the search looks through. One letter can be written in several ways, which file systems mix.
const plain = (text) => text.normalize("NFKC").toLowerCase();
const searched = everyImage.map((image) => plain([nameOf(image), labelOf(image).name, groupName(image)].join(" ")));

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
const severalSeeds = new Set(study.runs.map((run) => run.seed)).size > 1;
const fullName = (run) => (run ? [run.model, run.layer, severalSeeds ? `seed ${run.seed}` : ""].filter(Boolean).join(", ") : human.short);

function guessesOf(run, image) {
  return !run || run.guesses === null ? null : study.guesses[run.guesses][image].map(([label, p]) => ({ label, p }));
}

// Whether the most probable label is right; null where no labels were predicted.
function isRight(run, image) {
  return !run || run.guesses === null ? null : study.guesses[run.guesses][image][0][0] === study.images.label[image];
}

// Distance between the places of every image in two spaces, over all dimensions, in the unit of people's coordinates.
function distancesBetween(one, other) {
  const [from, to] = [placesOf(one), placesOf(other)];
  return everyImage.map((image) => Math.sqrt(d3.sum(from[image], (value, k) => (value - to[image][k]) ** 2)));
}
