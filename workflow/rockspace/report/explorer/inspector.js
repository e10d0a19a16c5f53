// The image that is pointed at or chosen, in detail, and the nearest neighbours of the chosen one.

const element = (id) => document.getElementById(id);

function showCard() {
  const image = looked ?? view.image;
  element("hint").hidden = image !== null;
  element("card").hidden = image === null;
  if (image === null) return;
  element("photograph").src = photographAddress(image);
  element("photograph").alt = `Photograph of ${nameOf(image)}`;
  element("name").textContent = nameOf(image);
  const kind = d3.select("#kind").text("");
  appendMark(kind, groupOf(image));
  const group = hasGroups ? ` · ${groupName(image)}` : "";
  kind.append("span").text(`${labelOf(image).name}${group} · ${splitWords[study.splits[splitOf(image)]]} image`);
  showGuesses(image);
  showCoordinates(image);
}

function showGuesses(image) {
  const guesses = guessesOf(view.run, image);
  element("guess-section").hidden = guesses === null;
  const item = d3
    .select("#guess-list")
    .selectAll("li")
    .data(guesses ?? [])
    .join("li")
    .text("")
    .classed("right", (guess) => guess.label === study.images.label[image]);
  item.append("span").attr("class", "amount").style("width", (guess) => `${100 * guess.p}%`);
  item.append("span").attr("class", "label").text((guess) => study.labels[guess.label].name);
  item
    .filter((guess) => guess.label === study.images.label[image])
    .append("span")
    .attr("class", "tick")
    .text("✓ right");
  item.append("span").attr("class", "share").text((guess) => share(guess.p));
}

function showCoordinates(image) {
  const [width, height] = [62, 14];
  const row = d3
    .select("#coordinates")
    .selectAll("tr")
    .data(
      study.dimensions.map((name, k) => {
        const spread = imagesOf(view.split).flatMap((i) => [study.human.places[i][k], view.run.places[i][k]]);
        const scale = d3.scaleLinear(d3.extent(spread), [5, width - 5]);
        return { name, k, human: study.human.places[image][k], model: view.run.places[image][k], scale };
      }),
    )
    .join("tr")
    .text("")
    .classed("drawn", ({ k }) => k === view.x || k === view.y);
  row.append("th").attr("scope", "row").text(({ name }) => name);
  row.append("td").text(({ human }) => number(human));
  row.append("td").text(({ model }) => number(model));
  const strip = row.append("td").append("svg").attr("width", width).attr("height", height).attr("aria-hidden", "true");
  const line = (from, to) => (selection) =>
    selection.attr("x1", from).attr("x2", to).attr("y1", height / 2).attr("y2", height / 2);
  strip.append("line").attr("class", "rail").call(line(0, width));
  strip
    .append("line")
    .attr("class", "gap")
    .call(line(({ human, scale }) => scale(human), ({ model, scale }) => scale(model)));
  strip.append("circle").attr("class", "human").attr("r", 4).attr("cy", height / 2).attr("cx", ({ human, scale }) => scale(human));
  strip
    .append("path")
    .attr("class", "model")
    .attr("d", d3.symbol(d3.symbolDiamond, 34)())
    .attr("transform", ({ model, scale }) => `translate(${scale(model)},${height / 2})`);
}

const sharedNeighbours = (image) => d3.intersection(study.human.neighbours[image], view.run.neighbours[image]);

function describeNeighbours(image) {
  const [human, model] = [study.human.neighbours[image], view.run.neighbours[image]];
  const names = (list) => list.slice(0, 3).map(nameOf).join(", ");
  const both = sharedNeighbours(image).size;
  return `Nearest for people: ${names(human)}. Nearest for the model: ${names(model)}. ${both} of ${human.length} are the same.`;
}

function showNeighbours(plot) {
  const image = view.image;
  const nearest = image === null ? [] : plot.neighbours()[image];
  const both = image === null ? new Set() : sharedNeighbours(image);
  const heading = d3.select(plot.section.querySelector(".neighbours h3")).property("hidden", image === null);
  heading.text(image === null ? "" : `Nearest to ${nameOf(image)}`);
  if (image !== null) {
    heading.append("span").attr("class", "both").text(`${both.size} of ${nearest.length} in both`);
  }
  const list = d3.select(plot.section.querySelector(".neighbours ol"));
  plot.section.querySelector(".neighbours .hint").hidden = image !== null;
  const button = list
    .selectAll("li")
    .data(nearest)
    .join("li")
    .text("")
    .append("button")
    .attr("type", "button")
    .classed("shared", (other) => both.has(other))
    .attr("aria-label", (other) => `${nameOf(other)}, ${labelOf(other).name}${both.has(other) ? ", in both" : ""}`)
    .attr("title", (other) => nameOf(other))
    .on("pointerenter focus", (_, other) => look(other))
    .on("pointerleave blur", () => look(null))
    .on("click", (_, other) => plot.choose(other));
  button.append("img").attr("alt", "").attr("src", photographAddress);
  appendMark(button, null, 9);
  button.select("path").attr("d", (other) => d3.symbol(shapeOf(groupOf(other)), 54)()).style("fill", (other) => colourOf(groupOf(other)));
  button.append("span").text((other) => labelOf(other).name);
}
