// Shows what a number or heading means: while the pointer is over it, when it has the focus, and when it is tapped. A cell
// of a table means what its column's heading says. Escape, or a tap elsewhere, hides it.
{
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

  const show = target => {
    const [element, text] = meant(target);
    if (!element) return hide();
    if (element === shownFor) return;
    shownFor = element;
    tip.textContent = text;
    tip.hidden = false;
    const place = element.getBoundingClientRect(), size = tip.getBoundingClientRect(), width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(8, place.left + place.width / 2 - size.width / 2), width - size.width - 8);
    const below = place.bottom + 6 + size.height < innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? place.bottom + 6 : Math.max(8, place.top - size.height - 6)}px`;
  };

  document.addEventListener("pointerover", event => event.pointerType === "mouse" && show(event.target));
  document.addEventListener("click", event => show(event.target));
  document.addEventListener("focusin", event => event.target.matches(":focus-visible") && show(event.target));
  document.addEventListener("keydown", event => event.key === "Escape" && hide());
  document.addEventListener("scroll", hide, true);
}
