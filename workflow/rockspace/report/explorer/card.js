// The selected image in detail: what it is, what it was taken for, where it is in both spaces, and what is near it.

function showCard() {
  const image = view.image;
  element("hint").hidden = image !== null;
  element("details").hidden = image === null;
  if (image === null) return;
  element("filtered").hidden = shownImages().has(image);
  element("photograph").src = photographAddress(image);
  element("photograph").alt = `Photograph of ${nameOf(image)}`;
  element("name").textContent = nameOf(image);
  const kind = d3.select("#kind").text("");
  appendMark(kind, marksNow()(image));
  kind.append("span").text([...shownBy(image), `${splitWords[study.splits[splitOf(image)]]} image`].join(" · "));
  showVerdicts(image);
  showCoordinates(image);
  showRank(image);
  showNeighbours(image);
}

// For each space with predictions: right or wrong in words, the predicted and the true label, and the probabilities.
function showVerdicts(image) {
  const runs = spaces().filter((run) => run && run.guesses !== null);
  const block = d3.select("#verdicts").selectAll("section").data(runs).join("section").text("");
  if (view.left) block.append("h3").text(fullName);
  const right = (run) => isRight(run, image);
  const label = (guess) => study.labels[guess.label].name;
  const words = block.append("p").attr("class", (run) => `verdict ${{ true: "right", false: "wrong", null: "" }[right(run)]}`);
  words.append("strong").text((run) => ({ true: "✓ Right", false: "✗ Wrong", null: "Not scored" })[right(run)]);
  words.append("span").text((run) => {
    const truth = { true: "which is the true label", false: `the true label is ${labelName(image)}`, null: withoutVerdict(image) };
    return `: predicted ${label(guessesOf(run, image)[0])}, ${truth[right(run)]}`;
  });
  const item = block
    .append("ol")
    .attr("class", "guess-list")
    .attr("aria-label", "Predictions, the most probable first")
    .selectAll("li")
    .data((run) => guessesOf(run, image).map((guess, rank) => ({ ...guess, rank })))
    .join("li");
  item.append("span").attr("class", "amount").style("width", (guess) => `${100 * guess.p}%`);
  item.append("span").attr("class", "label").text(label);
  const notes = (guess) => [guess.rank === 0 && "predicted", guess.label === study.images.label[image] && "true"].filter(Boolean);
  item.append("span").attr("class", "tag").text((guess) => notes(guess).join(", "));
  item.append("span").attr("class", "share").text((guess) => share(guess.p));
}

let extents = { key: null, values: null };

// The range of each dimension in both spaces, worked out once for what is shown.
function dimensionExtents() {
  const key = [view.left, view.run, view.split].map((part) => (part === null ? "people" : (study.runs.indexOf(part) + 1 || part))).join();
  if (extents.key !== key) {
    const values = study.dimensions.map((_, k) =>
      d3.extent(spaces().flatMap((run) => d3.extent(imagesOf(view.split), (i) => placesOf(run)[i][k]))),
    );
    extents = { key, values };
  }
  return extents.values;
}

function showCoordinates(image) {
  const [width, height] = [30, 14];
  const titles = view.left ? ["left", "right"] : [human.short, "model"];
  d3.select("#coordinates-head")
    .selectAll("th")
    .data(["dimension", ...titles])
    .join("th")
    .attr("scope", "col")
    .attr("class", (_, i) => ["", "key-left", "key-right"][i])
    .text((title) => title);
  const [left, right] = spaces().map((run) => placesOf(run)[image]);
  const row = d3
    .select("#coordinates")
    .selectAll("tr")
    .data(
      study.dimensions.map((name, k) => {
        const scale = d3.scaleLinear(dimensionExtents()[k], [5, width - 5]);
        return { name, k, left: left[k], right: right[k], scale };
      }),
    )
    .join("tr")
    .text("")
    .classed("drawn", ({ k }) => k === view.x || k === view.y);
  row.append("th").attr("scope", "row").text(({ name }) => name);
  row.append("td").text(({ left: value }) => number(value));
  row.append("td").text(({ right: value }) => number(value));
  const strip = row.append("td").append("svg").attr("width", width).attr("height", height).attr("aria-hidden", "true");
  const rod = (from, to) => (selection) =>
    selection.attr("x1", from).attr("x2", to).attr("y1", height / 2).attr("y2", height / 2);
  strip.append("line").attr("class", "rail").call(rod(0, width));
  strip.append("line").attr("class", "gap").call(rod((each) => each.scale(each.left), (each) => each.scale(each.right)));
  strip.append("circle").attr("class", "left").attr("r", 3.5).attr("cy", height / 2).attr("cx", (each) => each.scale(each.left));
  strip
    .append("path")
    .attr("class", "right")
    .attr("d", d3.symbol(d3.symbolDiamond, 30)())
    .attr("transform", (each) => `translate(${each.scale(each.right)},${height / 2})`);
}

// Whose neighbours they are, within a sentence.
const owner = (run) => (run === null ? human.them : shortName(run).replace(/^model$/, "the model"));
const sharedNeighbours = (image) => d3.intersection(...spaces().map((run) => neighboursOf(run)[image]));

function describeNeighbours(image) {
  const names = (run) => neighboursOf(run)[image].slice(0, 3).map(nameOf).join(", ");
  const both = sharedNeighbours(image).size;
  const nearest = spaces().map((run) => `Nearest for ${owner(run)}: ${names(run)}. `);
  return `${nearest.join("")}${both} of ${neighboursOf(null)[image].length} are the same.`;
}

function showNeighbours(image) {
  const both = sharedNeighbours(image);
  const data = spaces().map((run) => ({ run, nearest: neighboursOf(run)[image] }));
  const block = d3.select("#neighbours").selectAll("section").data(data).join("section").text("");
  block
    .append("h3")
    .text(({ run }) => `Nearest for ${owner(run)}`);
  const item = block.append("ol").attr("class", "neighbours").selectAll("li").data(({ nearest }) => nearest).join("li");
  const button = imageButton(item, (other) => other)
    .classed("shared", (other) => both.has(other))
    .attr("aria-label", (other) => [nameOf(other), labelName(other), both.has(other) && "in both"].filter(Boolean).join(", "));
  button.append("img").attr("alt", "").attr("src", photographAddress);
  element("both").textContent = `${both.size} of the ${data[0].nearest.length} nearest are the same in both.`;
}
