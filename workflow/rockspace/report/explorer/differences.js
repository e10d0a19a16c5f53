// The images whose places in both spaces are furthest apart.

const LISTED = 24;

const byDistance = () => d3.sort(chosenImages(), (image) => -distanceOf(image));
const ordinal = (n) => n + (n % 100 > 10 && n % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th"));

function showDifferences() {
  const found = byDistance();
  const [from, to] = view.left ? spaces().map(fullName) : [human.them, "the model"];
  element("differences-about").textContent =
    found.length === 0
      ? "Nothing found."
      : `Where ${from} and ${to} differ most: distance between both places over ${study.dimensions.length === 1 ? "the dimension" : `all ${study.dimensions.length} dimensions`}`;
  const most = found.length ? distanceOf(found[0]) : 1;
  const item = d3.select("#differences-list").selectAll("li").data(found.slice(0, LISTED)).join("li").text("");
  const button = imageButton(item, (image) => image).classed("chosen", (image) => image === view.image);
  button.append("img").attr("alt", "").attr("loading", "lazy").attr("src", photographAddress);
  const words = button.append("span");
  words.append("span").attr("class", "who").text(nameOf);
  const line = words.append("span").attr("class", "measure");
  line.append("span").text((image) => number(distanceOf(image)));
  line.append("span").attr("class", "rod").style("width", (image) => `${(60 * distanceOf(image)) / (most || 1)}%`);
}

// The selected image's place in that order.
function showRank(image) {
  const order = byDistance();
  const rank = order.indexOf(image);
  element("rank").textContent =
    `Distance between both places ${number(distanceOf(image))}` +
    (rank < 0 ? "" : rank === 0 ? `, the greatest of ${order.length}` : `, ${ordinal(rank + 1)} greatest of ${order.length}`);
  element("rank-back").disabled = rank <= 0;
  element("rank-on").disabled = rank < 0 || rank === order.length - 1;
}

function stepRank(by) {
  const order = byDistance();
  const image = order[order.indexOf(view.image) + by];
  if (image !== undefined) plots[0].choose(image);
}
