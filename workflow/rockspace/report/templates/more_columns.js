// Says that there are more columns beyond the right edge, and goes there.
{
  const scroll = document.querySelector(".scroll"), more = document.getElementById("more");
  const look = () => {
    const hidden = [...scroll.querySelectorAll("thead th")].filter(each => each.getBoundingClientRect().right > scroll.getBoundingClientRect().right + 1).length;
    scroll.parentElement.classList.toggle("more", hidden > 0);
    // It keeps its place, so that nothing moves under the pointer.
    more.hidden = scroll.scrollWidth <= scroll.clientWidth;
    more.textContent = hidden ? `${hidden} more column${hidden === 1 ? "" : "s"} →` : "← first columns";
  };
  more.addEventListener("click", () => {
    const fixed = scroll.querySelector("thead th").offsetWidth, atEnd = !scroll.parentElement.classList.contains("more");
    scroll.scrollTo({ left: atEnd ? 0 : scroll.scrollLeft + scroll.clientWidth - fixed - 40 });
  });
  scroll.addEventListener("scroll", look);
  new ResizeObserver(look).observe(scroll);
}
