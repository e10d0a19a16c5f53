// The lasso: images are chosen by drawing around them in either plot, or one by one from the keyboard.

let lassoing = false;
let line = null; // corners of the lasso that is being drawn (CSS pixels)
let justEnded = false;

const isLassoing = () => lassoing;

function setLassoing(on) {
  lassoing = on;
  element("lasso").setAttribute("aria-pressed", on);
  for (const { stage } of plots) stage.classList.toggle("lassoing", on);
  if (on) speak("Draw around images in a plot. From the keyboard: L at an image adds it to the lasso or takes it out.");
}

function listenToLasso(plot) {
  const { stage } = plot;
  const draw = () => plot.lassoLine.attr("d", line && line.length > 1 ? `M${line.map((point) => point.join()).join("L")}Z` : null);
  stage.addEventListener("pointerdown", (event) => {
    if (!lassoing || event.button || event.target.closest("button")) return;
    event.preventDefault();
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    line = [d3.pointer(event, stage)];
  });
  stage.addEventListener("pointermove", (event) => {
    if (!line || !stage.hasPointerCapture(event.pointerId)) return;
    line.push(d3.pointer(event, stage));
    draw();
  });
  const end = (event) => {
    if (!line) return;
    const drawn = line;
    line = null;
    draw();
    if (event.type === "pointercancel") return;
    justEnded = true;
    setTimeout(() => (justEnded = false));
    if (drawn.length > 2) lassoImages(plot, drawn);
    setLassoing(false);
  };
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
}

// Whether a click is the end of a lasso, and so no choice of an image.
const endedLasso = () => justEnded;

function lassoImages(plot, corners) {
  const inside = [...shownImages()].filter((image) => plot.isInside(plot.position(image)) && d3.polygonContains(corners, plot.position(image)));
  change({ lasso: inside.length ? new Set(inside) : null });
  speak(inside.length ? `In the lasso: ${tally()}` : "No image is in the lasso.");
}

function toggleInLasso(image) {
  if (image === null) return;
  const lasso = new Set(view.lasso);
  const added = !lasso.delete(image);
  if (added) lasso.add(image);
  change({ lasso: lasso.size ? lasso : null });
  speak(`${nameOf(image)} ${added ? "added to" : "taken out of"} the lasso: ${lasso.size ? tally() : "it is empty, and all images are shown"}`);
}
