// Shows the figure of the network that is chosen.
{
  const chooser = document.getElementById("chooser"), profiles = document.querySelectorAll(".profile");
  const choose = () => profiles.forEach((profile, i) => { profile.hidden = i !== chooser.selectedIndex; });
  if (chooser) {
    chooser.parentElement.hidden = false;
    chooser.addEventListener("change", choose);
    choose(); // a browser that reloads may keep the last choice
  }
}
