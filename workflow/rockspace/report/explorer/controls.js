// Menus, search and filters: what they offer, what they change, and how they follow the view.

function fillMenu(menu, options, chosen) {
  d3.select(menu)
    .selectAll("option")
    .data(options)
    .join("option")
    .attr("value", (_, i) => i)
    .text((text) => text);
  menu.value = chosen;
}

const distinct = (key, runs) => [...new Set(runs.map((run) => run[key]))];

// What the menus above a plot offer: models, and the layers and seeds that the model has.
function menusOfRun(run) {
  if (run === null) return { layer: [], seed: [] };
  const ofModel = study.runs.filter(({ model }) => model === run.model);
  return { layer: distinct("layer", ofModel.filter(({ seed }) => seed === run.seed)), seed: distinct("seed", ofModel) };
}

const modelsOf = (side) => [...(side === "left" ? [human.name] : []), ...distinct("model", study.runs)];

function listenToRuns(plot) {
  const key = plot.side === "left" ? "left" : "run";
  const menu = (name) => plot.section.querySelector(`[data-key=${name}]`);
  const choose = (name, value) => {
    // Another model is shown at the layer of the one before, or of the other plot.
    const now = plot.space() ?? view.run;
    change({ [key]: runLike({ ...now, [name]: value }, name) });
  };
  menu("model").addEventListener("change", ({ target }) => {
    if (plot.side === "left" && target.value === "0") return change({ left: null });
    choose("model", modelsOf(plot.side)[target.value]);
  });
  for (const name of ["layer", "seed"]) {
    menu(name).addEventListener("change", ({ target }) => choose(name, menusOfRun(plot.space())[name][target.value]));
  }
}

function followRuns(plot) {
  const run = plot.space();
  const menu = (name) => plot.section.querySelector(`[data-key=${name}]`);
  const models = modelsOf(plot.side);
  fillMenu(menu("model"), models, run === null ? 0 : models.lastIndexOf(run.model));
  menu("model").setAttribute("aria-label", `Model, ${plot.side}`);
  for (const [name, options] of Object.entries(menusOfRun(run))) {
    fillMenu(menu(name), name === "seed" ? options.map((seed) => `seed ${seed}`) : options, run === null ? 0 : options.indexOf(run[name]));
    menu(name).setAttribute("aria-label", `${name === "seed" ? "Seed" : "Layer"}, ${plot.side}`);
    menu(name).hidden = run === null || (name === "seed" && options.length < 2);
  }
  plot.section.querySelector(".end").textContent = view.layout === "arrows" ? { left: "from", right: "to" }[plot.side] : "";
}

function listenToControls() {
  plots.forEach(listenToRuns);
  for (const key of ["split", "x", "y"]) {
    element(key).addEventListener("change", ({ target }) => change({ [key]: Number(target.value) }));
  }
  for (const key of ["marks", "guesses"]) {
    element(key).addEventListener("change", ({ target }) => change({ [key]: target.value }));
  }
  element("colour").addEventListener("change", ({ target }) => change({ colour: target.value }));
  for (const option of document.getElementsByName("layout")) {
    option.addEventListener("change", () => change({ layout: option.value }));
  }
  element("search").addEventListener("input", ({ target }) => {
    change({ query: target.value });
    speak(found());
  });
  element("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    chooseNextMatch();
  });
  element("controls").addEventListener("submit", (event) => event.preventDefault());
  element("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the view
    plots[0].stage.focus();
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => plots[0].zoomBy({ in: STEP, out: 1 / STEP, all: 0 }[button.dataset.zoom]));
  }
  element("lasso").addEventListener("click", () => setLassoing(!isLassoing()));
  listenToMenus();
  for (const place of document.querySelectorAll("[data-searched]")) place.textContent = searchedParts;
  element("tab-filters").hidden = !hasLabels;
  listLabels();
}

// Menus close by Escape, by a click elsewhere, and when something in them was done.
function listenToMenus() {
  const menus = [...document.querySelectorAll("details.menu")];
  addEventListener("pointerdown", ({ target }) => menus.forEach((menu) => menu.contains(target) || (menu.open = false)));
  for (const menu of menus) {
    menu.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    for (const button of menu.querySelectorAll("button")) button.addEventListener("click", () => (menu.open = false));
  }
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => {
      const part = element(button.dataset.open);
      part.open = true;
      part.scrollIntoView();
      part.querySelector("summary").focus({ preventScroll: true });
    });
  }
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => saveView(button.dataset.save));
  }
}

// What images can be coloured by in the present view.
function offerColours() {
  const offered = [...colourings].filter(([, each]) => isOffered(each));
  const menu = d3.select("#colour").text("");
  const option = (parent) => ([key, each]) =>
    parent.append("option").attr("value", key).text(each.name).property("selected", each === colouring());
  const isDimension = ([key]) => key.startsWith("dimension");
  offered.filter((each) => !isDimension(each)).forEach(option(menu));
  offered.filter(isDimension).forEach(option(menu.append("optgroup").attr("label", `dimension (${human.short})`)));
}

// Enter in the search field goes through what it found.
function chooseNextMatch() {
  const list = chosenImages();
  if (list.length === 0) return speak(found());
  const image = list[(list.indexOf(view.image) + 1) % list.length];
  plots[0].choose(image);
  plots[0].bringIntoView(image);
}

// A box for each superclass, and under it one for each of its labels.
function listLabels() {
  const labels = study.labels.map((label, index) => ({ ...label, index }));
  const groups = hasGroups ? d3.groups(labels, ({ group }) => group).sort(([a], [b]) => a - b) : [[null, labels]];
  for (const [group, members] of groups) {
    const block = d3.select("#labels").append("div").attr("class", "group");
    if (group !== null) {
      const head = block.append("label").attr("class", "group-name");
      head
        .append("input")
        .attr("type", "checkbox")
        .attr("data-group", group)
        .on("change", ({ target }) => choose(members.map(({ index }) => index), target.checked));
      head.append("span").attr("data-group-mark", group);
      head.append("span").text(study.groups[group] || "no superclass");
      block.attr("role", "group").attr("aria-label", study.groups[group] || "no superclass");
    }
    for (const { index, name } of members) {
      const line = block.append("label");
      line
        .append("input")
        .attr("type", "checkbox")
        .attr("data-label", index)
        .on("change", ({ target }) => choose([index], target.checked));
      line.append("span").attr("data-label-mark", index);
      line.append("span").text(name);
      line.append("small").attr("data-count", index);
    }
  }
  function choose(indices, checked) {
    const chosen = new Set(view.labels);
    for (const index of indices) checked ? chosen.add(index) : chosen.delete(index);
    change({ labels: chosen });
    speak(found());
  }
}

const found = () => (chosenImages().length ? tally() : `Nothing found: ${whyNothing()}`);

function whyNothing() {
  const words = view.query.trim();
  const others = [view.labels.size && "labels", view.guesses !== "all" && "predictions", view.lasso && "lasso"].filter(Boolean);
  const all = words.includes(" ") ? "all the words of " : "";
  const search = words && `no ${splitWords[study.splits[view.split]]} image has ${all}“${words}” in its ${searchedParts}`;
  const rest = others.length ? `${search ? " among" : "there is no image in"} the chosen ${others.join(", ")}` : "";
  return `${search}${rest}.`;
}

function followView() {
  plots.forEach(followRuns);
  fillMenu(element("split"), study.splits.map((split) => splitWords[split]), view.split);
  for (const key of ["x", "y"]) fillMenu(element(key), study.dimensions.map((name, k) => `${k + 1} ${name}`), view[key]);
  for (const key of ["marks", "guesses"]) element(key).value = view[key];
  for (const option of document.getElementsByName("layout")) option.checked = option.value === view.layout;
  element("plots").dataset.layout = view.layout;
  offerColours();
  element("guesses-label").hidden = view.run.guesses === null;
  if (element("search").value !== view.query) element("search").value = view.query;
  for (const { nothing } of plots) {
    nothing.hidden = chosenImages().length > 0;
    nothing.querySelector(".why").textContent = whyNothing();
  }
  element("tally").textContent = `${tally()}${view.lasso ? " in the lasso" : ""}`;
  for (const button of document.querySelectorAll(".clear")) button.disabled = !isFiltered();
  followLabels();
}

function followLabels() {
  const counts = d3.rollup(imagesOf(view.split), (images) => images.length, (image) => study.images.label[image]);
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = counts.get(Number(count.dataset.count)) ?? 0;
  }
  const by = { superclass: "groupMark", label: "labelMark" };
  const name = [...colourings].find(([, each]) => each === colouring())[0];
  for (const kind of ["groupMark", "labelMark"]) {
    for (const place of document.querySelectorAll(kind === "groupMark" ? "[data-group-mark]" : "[data-label-mark]")) {
      place.textContent = "";
      if (by[name] === kind) appendMark(d3.select(place), categoryMark(Number(place.dataset[kind])), 13);
    }
  }
  for (const box of document.querySelectorAll("[data-label]")) box.checked = view.labels.has(Number(box.dataset.label));
  for (const box of document.querySelectorAll("[data-group]")) {
    const members = d3.range(study.labels.length).filter((i) => study.labels[i].group === Number(box.dataset.group));
    const chosen = members.filter((i) => view.labels.has(i)).length;
    box.checked = chosen === members.length;
    box.indeterminate = chosen > 0 && chosen < members.length;
  }
}
