// The view: what the reader looks at. It lives in the address too, so that a link shows the same.

const view = {
  left: null, // the space on the left: a run, or null for people's
  run: study.runs[study.opening], // the space on the right
  layout: "side", // "side": both plots; "arrows": one, with arrows from left to right
  split: 1,
  x: 0,
  y: study.dimensions.length > 1 ? 1 : 0,
  marks: "photographs",
  colour: null, // a key of `colourings`; null is the first
  labels: new Set(), // of the labels to show; none stands for all
  guesses: "all",
  query: "",
  lasso: null, // the images that were lassoed; null stands for all
  image: null, // the image that was selected
  zoom: null, // {scale, x, y}: magnification, and what is in the middle; null shows everything
};
// The image that is pointed at, by mouse or keyboard.
let looked = null;
// `view`: something in `view` changed. `look`: another image is pointed at. `zoom`: only the zoom changed.
const events = d3.dispatch("view", "look", "zoom");

let passing = null;
let distances = { left: undefined, run: undefined, values: null };

function change(changes) {
  if ("split" in changes || "x" in changes || "y" in changes || "layout" in changes) view.zoom = null;
  if ("split" in changes) view.lasso = null;
  Object.assign(view, changes);
  if (view.run.guesses === null) view.guesses = "all";
  if (view.image !== null && splitOf(view.image) !== view.split) view.image = null;
  if (looked !== null && splitOf(looked) !== view.split) looked = null;
  passing = null;
  events.call("view");
  writeAddress();
}

function look(image) {
  if (image === looked) return;
  looked = image;
  events.call("look");
}

let addressWaits = null;

function zoomTo(zoom) {
  view.zoom = zoom;
  events.call("zoom");
  // Browsers let a page change its address only so often.
  addressWaits?.stop();
  addressWaits = d3.timeout(writeAddress, 200);
}

// Images of the split that pass every filter; all words of the search must be in `searched`.
function shownImages() {
  if (passing === null) {
    const words = plain(view.query).split(/\s+/).filter(Boolean);
    passing = new Set(
      imagesOf(view.split).filter(
        (image) =>
          (view.labels.size === 0 || view.labels.has(study.images.label[image])) &&
          (view.guesses === "all" || isRight(view.run, image) === (view.guesses === "right")) &&
          words.every((word) => searched[image].includes(word)),
      ),
    );
  }
  return passing;
}

const isLassoed = (image) => view.lasso === null || view.lasso.has(image);

// The images that lists, the table and files are about: shown, and in the lasso if there is one.
const chosenImages = () => [...shownImages()].filter(isLassoed);

function distanceOf(image) {
  if (distances.left !== view.left || distances.run !== view.run) {
    distances = { left: view.left, run: view.run, values: distancesBetween(view.left, view.run) };
  }
  return distances.values[image];
}

const isFiltered = () => view.labels.size > 0 || view.query !== "" || view.guesses !== "all" || view.lasso !== null;
const showAll = () => change({ labels: new Set(), query: "", guesses: "all", lasso: null });

// The spaces that are shown, and their names where there is little room.
const spaces = () => [view.left, view.run];
const shortName = (run) => (run === null ? human.short : view.left === null ? "model" : fullName(run));

// The run that is closest to what was asked for, when a menu changes: a model need not have every seed and layer.
// What was changed counts most, then the model, then the layer; without that layer it is the model's last.
function runLike(wanted, changed = "model") {
  const keys = ["seed", "layer", "model"].filter((key) => key !== changed).concat(changed);
  const alike = (run) => d3.sum(keys, (key, weight) => (run[key] === wanted[key]) * 2 ** weight);
  const best = d3.max(study.runs, alike);
  const found = study.runs.filter((run) => alike(run) === best);
  return found.find((run) => run.layer === wanted.layer) ?? found.findLast((run) => run.seed === found[0].seed);
}

const MOST_LASSOED = 200; // names that an address holds

function writeAddress() {
  addressWaits?.stop();
  const parts = new URLSearchParams();
  for (const key of ["model", "seed", "layer"]) parts.set(key, view.run[key]);
  if (view.left) for (const key of ["model", "seed", "layer"]) parts.set(`left-${key}`, view.left[key]);
  if (view.layout !== "side") parts.set("layout", view.layout);
  parts.set("images", study.splits[view.split]);
  for (const key of ["x", "y"]) parts.set(key, study.dimensions[view[key]]);
  if (view.marks !== "photographs") parts.set("marks", view.marks);
  if (view.colour !== null) parts.set("colour", view.colour);
  for (const label of view.labels) parts.append("only", study.labels[label].name);
  if (view.guesses !== "all") parts.set("guesses", view.guesses);
  if (view.query) parts.set("find", view.query);
  if (view.lasso && view.lasso.size <= MOST_LASSOED) for (const image of view.lasso) parts.append("lasso", nameOf(image));
  if (view.image !== null) parts.set("image", nameOf(view.image));
  if (view.zoom) parts.set("zoom", [view.zoom.scale, view.zoom.x, view.zoom.y].map((part) => +part.toFixed(3)).join(" "));
  const address = "#" + parts;
  if (address !== location.hash) history.replaceState(null, "", address);
}

// What an address says; what it does not say, or says wrongly, stays as it would be without it.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const among = (list, key, otherwise) => (list.includes(parts.get(key)) ? list.indexOf(parts.get(key)) : otherwise);
  const runIn = (prefix, otherwise) => {
    const [model, seed, layer] = ["model", "seed", "layer"].map((key) => parts.get(prefix + key));
    return study.runs.some((run) => run.model === model) ? runLike({ model, seed, layer }) : otherwise;
  };
  const image = among(study.images.id, "image", null);
  const [scale, x, y] = (parts.get("zoom") ?? "").split(" ").map(Number);
  const labels = parts.getAll("only").map((name) => study.labels.findIndex((label) => label.name === name));
  const lasso = parts.getAll("lasso").map((name) => study.images.id.indexOf(name)).filter((found) => found >= 0);
  change({
    run: runIn("", study.runs[study.opening]),
    left: runIn("left-", null),
    layout: parts.get("layout") === "arrows" ? "arrows" : "side",
    split: image === null ? among(study.splits, "images", 1) : splitOf(image),
    x: among(study.dimensions, "x", 0),
    y: among(study.dimensions, "y", study.dimensions.length > 1 && parts.get("x") !== study.dimensions[1] ? 1 : 0),
    marks: parts.get("marks") === "points" ? "points" : "photographs",
    colour: parts.get("colour"),
    labels: new Set(labels.filter((label) => label >= 0)),
    guesses: ["right", "wrong"].includes(parts.get("guesses")) ? parts.get("guesses") : "all",
    query: parts.get("find") ?? "",
    lasso: null,
    image,
    zoom: scale >= ZOOM_LIMITS[0] && scale <= ZOOM_LIMITS[1] && Number.isFinite(x + y) ? { scale, x, y } : null,
  });
  if (lasso.length) change({ lasso: new Set(lasso) });
  if (image !== null) showPanel("card");
}

// Said by screen readers.
function speak(text) {
  document.getElementById("spoken").textContent = text;
}

function tally() {
  const [chosen, all] = [chosenImages().length, imagesOf(view.split).length];
  const images = `${splitWords[study.splits[view.split]]} images`;
  return chosen === all ? `${thousands(all)} ${images}` : `${thousands(chosen)} of ${thousands(all)} ${images}`;
}

// What was predicted for an image, in words.
function verdict(run, image) {
  const guesses = guessesOf(run, image);
  if (!guesses) return "";
  const { label, p } = guesses[0];
  const name = study.labels[label].name;
  const predicted = `predicted ${name} (${share(p)})`;
  return { true: `right: ${predicted}`, false: `wrong: ${predicted}, true label ${labelName(image)}`, null: `${predicted}; ${withoutVerdict(image)}` }[
    isRight(run, image)
  ];
}

function describe(image) {
  const places = [...new Set([view.x, view.y])].map(
    (k) => `${study.dimensions[k]}: ${spaces().map((run) => `${shortName(run)} ${number(placesOf(run)[image][k])}`).join(", ")}`,
  );
  const verdicts = spaces().filter((run) => run && run.guesses !== null);
  const said = verdicts.map((run) => ` ${view.left ? `${fullName(run)} ` : "Prediction "}${verdict(run, image)}.`).join("");
  return `${[nameOf(image), ...shownBy(image)].join(", ")}. ${places.join("; ")}.${said}`;
}
