// The view: what the reader looks at. It lives in the address too, so that a link shows the same.

const view = {
  run: study.runs[0],
  split: 1,
  x: 0,
  y: study.dimensions.length > 1 ? 1 : 0,
  marks: "auto",
  labels: new Set(), // of the subtypes to show; none stands for all
  guesses: "all",
  query: "",
  image: null, // the image that was chosen
  zoom: null, // {scale, x, y}: magnification, and what is in the middle; null shows everything
};
// The image that is pointed at, by mouse or keyboard.
let looked = null;
// `view`: something in `view` changed. `look`: another image is pointed at. `zoom`: only the zoom changed.
const events = d3.dispatch("view", "look", "zoom");

let passing = null;

function change(changes) {
  if ("split" in changes || "x" in changes || "y" in changes) view.zoom = null;
  Object.assign(view, changes);
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

function zoomTo(zoom) {
  view.zoom = zoom;
  events.call("zoom");
  writeAddress();
}

// Images of the split that pass every filter.
function shownImages() {
  if (passing === null) {
    const words = view.query.trim().toLowerCase();
    passing = new Set(
      imagesOf(view.split).filter(
        (image) =>
          (view.labels.size === 0 || view.labels.has(study.images.label[image])) &&
          (view.guesses === "all" || isRight(view.run, image) === (view.guesses === "right")) &&
          (words === "" || nameOf(image).toLowerCase().includes(words) || labelOf(image).name.toLowerCase().includes(words)),
      ),
    );
  }
  return passing;
}

const imagesOf = (split) => d3.range(imageCount).filter((image) => splitOf(image) === split);

// The run that is closest to what was asked for, when a menu changes: a model need not have every seed and layer.
function runLike(wanted) {
  const alike = (run) => d3.sum(["layer", "seed", "model"], (key, weight) => (run[key] === wanted[key]) * 2 ** weight);
  return study.runs[d3.maxIndex(study.runs, alike)];
}

function writeAddress() {
  const parts = new URLSearchParams();
  for (const key of ["model", "seed", "layer"]) parts.set(key, view.run[key]);
  parts.set("images", study.splits[view.split]);
  for (const key of ["x", "y"]) parts.set(key, study.dimensions[view[key]]);
  if (view.marks !== "auto") parts.set("marks", view.marks);
  for (const label of view.labels) parts.append("only", study.labels[label].name);
  if (view.guesses !== "all") parts.set("guesses", view.guesses);
  if (view.query) parts.set("find", view.query);
  if (view.image !== null) parts.set("image", nameOf(view.image));
  if (view.zoom) parts.set("zoom", [view.zoom.scale, view.zoom.x, view.zoom.y].map((part) => +part.toFixed(3)).join(" "));
  const address = "#" + parts;
  if (address !== location.hash) history.replaceState(null, "", address);
}

// What an address says; what it does not say, or says wrongly, stays as it would be without it.
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const among = (list, key, otherwise) => (list.includes(parts.get(key)) ? list.indexOf(parts.get(key)) : otherwise);
  const image = among(study.images.id, "image", null);
  const [scale, x, y] = (parts.get("zoom") ?? "").split(" ").map(Number);
  const labels = parts.getAll("only").map((name) => study.labels.findIndex((label) => label.name === name));
  change({
    run: runLike({ model: parts.get("model"), seed: parts.get("seed"), layer: parts.get("layer") }),
    split: image === null ? among(study.splits, "images", 1) : splitOf(image),
    x: among(study.dimensions, "x", 0),
    y: among(study.dimensions, "y", study.dimensions.length > 1 ? 1 : 0),
    marks: ["photographs", "points"].includes(parts.get("marks")) ? parts.get("marks") : "auto",
    labels: new Set(labels.filter((label) => label >= 0)),
    guesses: ["right", "wrong"].includes(parts.get("guesses")) ? parts.get("guesses") : "all",
    query: parts.get("find") ?? "",
    image,
    zoom: scale >= ZOOM_LIMITS[0] && scale <= ZOOM_LIMITS[1] && Number.isFinite(x + y) ? { scale, x, y } : null,
  });
}

// Said by screen readers.
function speak(text) {
  document.getElementById("spoken").textContent = text;
}

function describe(image) {
  const [human, model] = [study.human.places[image], view.run.places[image]];
  const places = [...new Set([view.x, view.y])].map(
    (k) => `${study.dimensions[k]}: people ${number(human[k])}, model ${number(model[k])}`,
  );
  const guesses = guessesOf(view.run, image);
  const guess = guesses
    ? ` Predicted: ${study.labels[guesses[0].label].name}, ${share(guesses[0].p)}, ${isRight(view.run, image) ? "right" : "wrong"}.`
    : "";
  const group = hasGroups ? `, ${groupName(image)}` : "";
  return `${nameOf(image)}, ${labelOf(image).name}${group}. ${places.join("; ")}.${guess}`;
}
