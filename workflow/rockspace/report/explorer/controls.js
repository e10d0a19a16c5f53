// Menus, search and filters: what they offer, what they change, and how they follow the view.

function fillMenu(id, options, chosen) {
  d3.select(`#${id}`)
    .selectAll("option")
    .data(options)
    .join("option")
    .attr("value", (_, i) => i)
    .text((text) => text);
  element(id).value = chosen;
}

const distinct = (key, runs) => [...new Set(runs.map((run) => run[key]))];

function menusOfRun() {
  const { model, seed } = view.run;
  const ofModel = study.runs.filter((run) => run.model === model);
  return {
    model: distinct("model", study.runs),
    seed: distinct("seed", ofModel),
    layer: distinct("layer", ofModel.filter((run) => run.seed === seed)),
  };
}

function listenToControls() {
  for (const key of ["model", "seed", "layer"]) {
    element(key).addEventListener("change", ({ target }) => {
      change({ run: runLike({ ...view.run, [key]: menusOfRun()[key][target.value] }) });
    });
  }
  for (const key of ["split", "x", "y"]) {
    element(key).addEventListener("change", ({ target }) => change({ [key]: Number(target.value) }));
  }
  for (const key of ["marks", "guesses"]) {
    element(key).addEventListener("change", ({ target }) => change({ [key]: target.value }));
  }
  element("search").addEventListener("input", ({ target }) => {
    change({ query: target.value });
    speak(tally());
  });
  element("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    chooseNextMatch();
  });
  element("controls").addEventListener("submit", (event) => event.preventDefault());
  element("clear").addEventListener("click", () => change({ labels: new Set(), query: "", guesses: "all" }));
  element("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the view
    plots[0].stage.focus();
  });
  listLabels();
}

// Enter in the search field goes through what it found.
function chooseNextMatch() {
  const found = [...shownImages()];
  if (found.length === 0) return speak(tally());
  const image = found[(found.indexOf(view.image) + 1) % found.length];
  plots[0].choose(image);
  plots[0].bringIntoView(image);
}

// A box for each superclass, and under it one for each of its subtypes.
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
      appendMark(head, group, 14);
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
      if (group === null) appendMark(line, index, 12);
      line.append("span").text(name);
      line.append("small").attr("data-count", index);
    }
  }
  function choose(indices, checked) {
    const chosen = new Set(view.labels);
    for (const index of indices) checked ? chosen.add(index) : chosen.delete(index);
    change({ labels: chosen });
    speak(tally());
  }
}

function tally() {
  const [shown, all] = [shownImages().size, imagesOf(view.split).length];
  return `${thousands(shown)} of ${thousands(all)} images`;
}

function followView() {
  for (const [key, options] of Object.entries(menusOfRun())) fillMenu(key, options, options.indexOf(view.run[key]));
  fillMenu("split", study.splits.map((split) => splitWords[split]), view.split);
  for (const key of ["x", "y"]) fillMenu(key, study.dimensions.map((name, k) => `${k + 1} ${name}`), view[key]);
  element("marks").value = view.marks;
  element("guesses").value = view.guesses;
  element("guesses-label").hidden = view.run.guesses === null;
  if (element("search").value !== view.query) element("search").value = view.query;
  element("tally").textContent = tally();
  const counts = d3.rollup(imagesOf(view.split), (images) => images.length, (image) => study.images.label[image]);
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = counts.get(Number(count.dataset.count)) ?? 0;
  }
  for (const box of document.querySelectorAll("[data-label]")) box.checked = view.labels.has(Number(box.dataset.label));
  for (const box of document.querySelectorAll("[data-group]")) {
    const members = d3.range(study.labels.length).filter((i) => study.labels[i].group === Number(box.dataset.group));
    const chosen = members.filter((i) => view.labels.has(i)).length;
    box.checked = chosen === members.length;
    box.indeterminate = chosen > 0 && chosen < members.length;
  }
  element("clear").disabled = view.labels.size === 0 && view.query === "" && view.guesses === "all";
}
