// Shows what a number or heading means: while the pointer is over it, when it has the focus, and when it is tapped. A cell
// of a table means what its column's heading says. Escape, or a tap elsewhere, hides it.
{
  for (const each of document.querySelectorAll(".rockspace button[title]")) {
    each.dataset.about = each.title; // where no script runs, the browser shows the title
    each.removeAttribute("title");
  }
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.querySelector(".rockspace").append(tip);
  let shownFor = null;

  const meant = target => {
    const own = target.closest("[data-about]");
    if (own) return [own, own.dataset.about];
    const cell = target.closest("tbody td");
    const heading = cell?.closest("table").tHead?.rows[0].cells[cell.cellIndex]?.querySelector("[data-about]");
    return heading ? [cell, `${heading.textContent.trim()}: ${heading.dataset.about}`] : [null, ""];
  };

  const hide = () => { tip.hidden = true; shownFor = null; };

  const place = () => {
    if (!shownFor) return;
    const of = shownFor.getBoundingClientRect(), size = tip.getBoundingClientRect(), width = document.documentElement.clientWidth;
    if (of.bottom < 0 || of.top > innerHeight) return hide();
    const left = Math.min(Math.max(8, of.left + of.width / 2 - size.width / 2), width - size.width - 8);
    // Below a heading are the figures that it sorts.
    const isHeading = shownFor.closest("thead") && of.top - 6 - size.height > 0;
    const below = !isHeading && of.bottom + 6 + size.height < innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? of.bottom + 6 : Math.max(8, of.top - size.height - 6)}px`;
  };

  let waiting;
  const show = target => {
    clearTimeout(waiting); // a pointer that rests elsewhere does not take the place of what was asked for since
    const [element, text] = meant(target);
    if (!element) return hide();
    shownFor = element;
    tip.textContent = text;
    tip.hidden = false;
    place();
  };

  document.addEventListener("pointerover", event => {
    clearTimeout(waiting);
    // Not at once, so that a pointer on its way shows nothing.
    if (event.pointerType === "mouse") waiting = setTimeout(show, 350, event.target);
  });
  document.addEventListener("click", event => show(event.target));
  document.addEventListener("focusin", event => event.target.matches(":focus-visible") && show(event.target));
  document.addEventListener("keydown", event => event.key === "Escape" && hide());
  document.addEventListener("scroll", place, true);
}
