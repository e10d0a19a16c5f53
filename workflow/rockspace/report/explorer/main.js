// The page: two plots, their captions, and what is redrawn when the view changes.

const plots = [
  new Plot({ id: "left", side: "left", space: () => view.left }),
  new Plot({ id: "right", side: "right", space: () => view.run }),
];

function inWords({ value, interval, interval_over, chance, clear }) {
  const between = interval ? ` (${interval.map(number).join(" to ")} over ${interval_over})` : "";
  const verdict = clear === null ? "" : `, ${clear ? "clearly" : "not clearly"} above chance (${number(chance)})`;
  return `${number(value)}${between}${verdict}`;
}

function showCaptions() {
  for (const plot of plots) {
    const run = plot.space();
    const name = run ? fullName(run) : human.space;
    plot.heading.textContent = view.layout === "arrows" ? `From ${fullName(view.left)} to ${fullName(view.run)}` : name;
    plot.stage.setAttribute(
      "aria-label",
      `${plot.heading.textContent}: ${study.dimensions[view.x]} horizontally, ${study.dimensions[view.y]} vertically, ${tally()}`,
    );
    const caption = d3.select(plot.caption).text("");
    if (view.layout === "arrows" && plot.side === "left") {
      const many = shownImages().size > MOST_ARROWS;
      caption.text(
        many
          ? `Arrows from one space to the other: the ${MOST_ARROWS} greatest distances in view; zoom in for others`
          : "An arrow goes from each image’s place in one space to its place in the other",
      );
    }
    if (!run || (view.layout === "arrows" && plot.side === "left")) continue;
    if (study.splits[view.split] === "train") {
      caption.append("strong").text("The rotation was learnt on these images, so their match is too good. ");
    }
    if (run.origin) caption.append("span").text(`${run.origin[0].toUpperCase()}${run.origin.slice(1)}. `);
    caption.append("span").text(`Held-out mean r = ${inWords(run.figures.held_out)}`);
  }
}

function explainDistances() {
  const words = { euclidean: "Euclidean", cosine: "cosine", correlation: "correlation", cityblock: "city-block" }[study.metric];
  const layers = spaces()
    .filter(Boolean)
    .map((run) => `all ${thousands(run.n_features)} features of layer ${run.layer}`)
    .join(" or ");
  element("distances").textContent =
    `Neighbours are images of the same split: for ${human.them}, by Euclidean distance over all ${study.dimensions.length} ` +
    `dimensions; for a model, by ${words} distance over ${layers}, before any rotation.`;
}

events.on("view.all", () => {
  followView();
  showCaptions();
  showLegend();
  explainDistances();
  movePlots();
  showCard();
  showDifferences();
  showTable();
});
events.on("zoom.all", drawPlots);
events.on("look.all", () => plots.forEach(drawOverlay));

const sizes = new ResizeObserver(() => {
  if (plots.map((plot) => plot.measure()).includes(true)) movePlots({ animate: false });
});
for (const { stage } of plots) sizes.observe(stage);

listenToControls();
listenToPanel();
listenToTable();
addEventListener("hashchange", readAddress);
readAddress();
