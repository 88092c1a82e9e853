/* On a phone the tabs are wider than the window: the open one is brought into view. */
const openTab = document.querySelector(".broker-tabs [aria-current]");
if (openTab) openTab.parentElement.scrollLeft = openTab.offsetLeft - openTab.parentElement.clientWidth / 2;

/* The menu of a connector's toolbar closes on Escape and on a click beside it; opening and moving are the browser's. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.broker-menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.broker-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
