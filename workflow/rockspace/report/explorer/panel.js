// The panel beside the plots: one of its three sheets at a time.

const element = (id) => document.getElementById(id);
const sheets = ["differences", "card", ...(hasLabels ? ["filters"] : [])];

function showPanel(name) {
  for (const sheet of sheets) {
    const tab = element(`tab-${sheet}`);
    element(sheet).hidden = sheet !== name;
    tab.setAttribute("aria-selected", sheet === name);
    tab.tabIndex = sheet === name ? 0 : -1;
  }
}

function listenToPanel() {
  sheets.forEach((name, i) => {
    element(`tab-${name}`).addEventListener("click", () => showPanel(name));
    element(`tab-${name}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = sheets[(i + step + sheets.length) % sheets.length];
      showPanel(next);
      element(`tab-${next}`).focus();
    });
  });
  element("rank-back").addEventListener("click", () => stepRank(-1));
  element("rank-on").addEventListener("click", () => stepRank(1));
  for (const button of document.querySelectorAll("[data-all]")) button.addEventListener("click", showAll);
}

// A button that selects an image and shows where it is while it is pointed at.
function imageButton(selection, imageOf) {
  return selection
    .append("button")
    .attr("type", "button")
    .attr("title", (each) => nameOf(imageOf(each)))
    .on("pointerenter focus", (_, each) => look(imageOf(each)))
    .on("pointerleave blur", () => look(null))
    .on("click", (_, each) => plots[0].choose(imageOf(each)));
}
