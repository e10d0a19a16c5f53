// Keyboard navigation in a plot.

function pressKey(plot, event) {
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const names = [...shownImages()];
  const here = names.indexOf(looked);
  const actions = {
    PageDown: () => visit(plot, names[(here + 1) % names.length]),
    PageUp: () => visit(plot, names.at(here < 0 ? -1 : here - 1)),
    Home: () => visit(plot, names[0]),
    End: () => visit(plot, names.at(-1)),
    Enter: () => plot.choose(looked),
    " ": () => plot.choose(looked),
    Escape: () => (isLassoing() ? setLassoing(false) : plot.choose(null)),
    l: () => toggleInLasso(looked),
    L: () => toggleInLasso(looked),
    "+": () => plot.zoomBy(STEP),
    "=": () => plot.zoomBy(STEP),
    "-": () => plot.zoomBy(1 / STEP),
    0: () => plot.zoomBy(0),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !(direction || event.key in actions)) return;
  event.preventDefault();
  if (!direction) actions[event.key]();
  else if (event.shiftKey) pan(plot, direction);
  else visit(plot, looked === null || !shownImages().has(looked) ? start(plot) : next(plot, direction));
}

// The first image visited by keyboard: the selected one, or the one nearest to the middle.
function start(plot) {
  if (view.image !== null && shownImages().has(view.image)) return view.image;
  return plot.imageNear(plot.middle, Infinity);
}

// The nearest image in a direction; distance to the side counts twice.
function next(plot, [right, down]) {
  const { x, y } = plot.to;
  let [best, least] = [looked, Infinity];
  for (const image of shownImages()) {
    const [dx, dy] = [x[image] - x[looked], y[image] - y[looked]];
    const [ahead, aside] = [dx * right + dy * down, Math.abs(dx * down) + Math.abs(dy * right)];
    if (ahead > 0 && aside <= 2 * ahead && ahead + 2 * aside < least) [best, least] = [image, ahead + 2 * aside];
  }
  return best;
}

function visit(plot, image) {
  if (image == null) return speak("No image is shown.");
  look(image);
  plot.bringIntoView(image);
  speak(describe(image));
}

function pan(plot, [right, down]) {
  const [x, y] = plot.middle;
  plot.centreOn([x + (right * plot.innerWidth) / 6, y + (down * plot.innerHeight) / 6]);
}
