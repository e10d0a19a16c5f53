// Sorts the table by the column whose heading is pressed, and hides the rows that do not have what is searched for.
{
  const body = document.querySelector("tbody"), rows = [...body.rows], headings = [...document.querySelectorAll("thead th")];
  const find = document.getElementById("find"), model = document.getElementById("model"), clear = document.getElementById("clear");
  const count = document.getElementById("count");
  const words = new Intl.Collator("en", { numeric: true });

  const sort = heading => {
    const column = headings.indexOf(heading), isText = heading.classList.contains("text");
    // Numbers begin with the largest, names with the first; pressing again turns the order.
    const first = isText ? "ascending" : "descending", second = isText ? "descending" : "ascending";
    const order = heading.ariaSort === first ? second : first, sign = order === "ascending" ? 1 : -1;
    headings.forEach(each => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order);
    const value = row => row.cells[column].dataset.value;
    const compare = (a, b) => isText ? words.compare(a, b) : a - b;
    // Cells without a value stay at the end in either order.
    rows.sort((a, b) => (value(a) === "") - (value(b) === "") || sign * compare(value(a), value(b)));
    body.append(...rows);
  };

  const filter = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every(word => text.includes(word))
        || Boolean(model?.value) && !JSON.parse(row.dataset.models).includes(model.value)
        || Boolean(clear?.checked) && !row.classList.contains("clear");
    }
    const shown = rows.filter(row => !row.hidden).length;
    count.textContent = shown === rows.length ? `${shown} row${shown === 1 ? "" : "s"}` : `${shown} of ${rows.length} rows`;
  };

  headings.forEach(heading => heading.querySelector("button").addEventListener("click", () => sort(heading)));
  for (const tool of [find, model, clear]) tool?.addEventListener("input", filter);
  filter(); // a browser that reloads may keep what was typed
}
