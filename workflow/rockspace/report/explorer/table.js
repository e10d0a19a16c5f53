// The images as a table: the same view for those who read better than they point.

const ROWS = 50;
const order = { column: 0, descending: false, page: 0 };

// What a table holds of an image: `dimensions` of these, in each space.
function columns(dimensions) {
  const list = [{ title: "Image", value: nameOf }];
  if (hasLabels) list.push({ title: "Label", value: labelName });
  if (hasGroups) list.push({ title: "Superclass", value: groupName });
  const shown = view.left === null ? spaces() : [null, ...spaces()];
  for (const k of dimensions) {
    for (const run of shown) {
      list.push({ title: `${study.dimensions[k]}, ${shortName(run)}`, value: (i) => placesOf(run)[i][k], numeric: true });
    }
  }
  list.push({ title: "Distance between both places", value: distanceOf, numeric: true });
  for (const run of spaces().filter((each) => each && each.guesses !== null)) {
    const of = view.left === null ? "" : `, ${fullName(run)}`;
    list.push({ title: `Prediction${of}`, value: (i) => study.labels[guessesOf(run, i)[0].label].name });
    list.push({ title: `Probability${of}`, value: (i) => guessesOf(run, i)[0].p, numeric: true });
    list.push({ title: `Right${of}`, value: (i) => ({ true: "yes", false: "no", null: "" })[isRight(run, i)] });
  }
  return list;
}

function listenToTable() {
  element("page-back").addEventListener("click", () => turn(-1));
  element("page-on").addEventListener("click", () => turn(1));
  element("table-details").addEventListener("toggle", showTable);
}

function turn(by) {
  order.page += by;
  showTable();
}

function showTable() {
  if (!element("table-details").open) return;
  const list = columns(new Set([view.x, view.y]));
  order.column = Math.min(order.column, list.length - 1);
  const { value } = list[order.column];
  const compare = order.descending ? d3.descending : d3.ascending;
  const rows = chosenImages().sort((a, b) => compare(value(a), value(b)) || a - b);
  const pages = Math.max(1, Math.ceil(rows.length / ROWS));
  order.page = Math.min(Math.max(order.page, 0), pages - 1);
  showHead(list);
  showRows(list, rows.slice(order.page * ROWS, (order.page + 1) * ROWS));
  element("table-caption").textContent = `${tally()}; ${spaces().map(fullName).join(" and ")}`;
  element("page-number").textContent = `Page ${order.page + 1} of ${pages}`;
  element("page-back").disabled = order.page === 0;
  element("page-on").disabled = order.page === pages - 1;
}

function showHead(list) {
  d3.select("#table-head")
    .selectAll("th")
    .data(list)
    .join("th")
    .attr("scope", "col")
    .classed("numeric", ({ numeric }) => numeric)
    .attr("aria-sort", (_, i) => (i === order.column ? (order.descending ? "descending" : "ascending") : null))
    .selectAll("button")
    .data((column) => [column])
    .join("button")
    .attr("type", "button")
    .text(({ title }) => title)
    .on("click", (_, column) => {
      const index = list.indexOf(column);
      Object.assign(order, { descending: index === order.column && !order.descending, column: index, page: 0 });
      showTable();
    });
}

function showRows(list, images) {
  const row = d3
    .select("#table-body")
    .selectAll("tr")
    .data(images)
    .join("tr")
    .text("")
    .classed("chosen", (image) => image === view.image)
    .attr("aria-selected", (image) => (image === view.image ? "true" : null));
  row
    .append("th")
    .attr("scope", "row")
    .append("button")
    .attr("type", "button")
    .text(nameOf)
    .on("click", (_, image) => plots[0].choose(image))
    .on("pointerenter focus", (_, image) => look(image))
    .on("pointerleave blur", () => look(null));
  for (const { value, numeric } of list.slice(1)) {
    row.append("td").classed("numeric", numeric).text((image) => (numeric ? number(value(image)) : value(image)));
  }
}
