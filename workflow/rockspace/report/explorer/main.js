// The page: two plots, their captions, and what is redrawn when the view changes.

const plots = [
  new Plot({
    id: "human",
    title: "People’s space",
    places: () => study.human.places,
    neighbours: () => study.human.neighbours,
    axisTitle: (k) => study.dimensions[k],
  }),
  new Plot({
    id: "model-space",
    title: "Model’s space",
    places: () => view.run.places,
    neighbours: () => view.run.neighbours,
    axisTitle: (k) => `${study.dimensions[k]}, r = ${number(view.run.r[study.splits[view.split]][k])}`,
  }),
];
const [humanPlot, modelPlot] = plots;

function inWords({ value, interval, interval_over, chance }) {
  const between = interval && `${interval.map(number).join(" to ")} over ${interval_over}`;
  const notes = [between, chance === null ? null : `chance ${number(chance)}`].filter(Boolean);
  return number(value) + (notes.length ? ` (${notes.join("; ")})` : "");
}

function showCaptions() {
  const { run } = view;
  const split = study.splits[view.split];
  const { held_out, in_sample } = run.figures;
  humanPlot.caption.textContent = `${tally()}, ${splitWords[split]}`;
  const caption = d3.select(modelPlot.caption).text("");
  if (split === "train") {
    caption.append("strong").text("The rotation was learnt on these images, so their match is too good.");
    caption.append("span").text(` Mean r held-out is ${inWords(held_out)}.`);
  } else {
    caption.append("span").text(`Mean r held-out ${inWords(held_out)}, in-sample ${inWords(in_sample)}`);
  }
  for (const plot of plots) {
    const across = study.dimensions[view.x];
    const up = study.dimensions[view.y];
    plot.stage.setAttribute("aria-label", `${plot.title}: ${across} horizontally, ${up} vertically, ${tally()}`);
  }
}

function explainDistances() {
  const run = view.run;
  const words = { euclidean: "Euclidean", cosine: "cosine", correlation: "correlation", cityblock: "city-block" }[study.metric];
  element("distances").textContent =
    `Neighbours are images of the same split: for people, by Euclidean distance over all ${study.dimensions.length} ` +
    `dimensions; for the model, by ${words} distance over all ${thousands(run.n_features)} features of layer ${run.layer}, before any rotation.`;
}

events.on("view.all", () => {
  shownImages();
  followView();
  showCaptions();
  explainDistances();
  movePlots();
  plots.forEach(showNeighbours);
  showCard();
  showTable();
});
events.on("zoom.all", drawPlots);
events.on("look.all", () => {
  plots.forEach(drawOverlay);
  showCard();
});

if (matchMedia("(max-width: 900px)").matches) element("filters").open = false;
listenToControls();
listenToTable();
addEventListener("hashchange", readAddress);
readAddress();
