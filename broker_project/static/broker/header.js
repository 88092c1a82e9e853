/* On a phone the tabs are wider than the window: the open one is brought into view, and an edge that fades says that
   there are more on that side. */
const openTab = document.querySelector(".broker-tabs [aria-current]");
for (const tabs of document.querySelectorAll(".broker-tabs")) {
  const hint = () => {
    tabs.classList.toggle("goes-left", tabs.scrollLeft > 1);
    tabs.classList.toggle("goes-right", tabs.scrollLeft + tabs.clientWidth < tabs.scrollWidth - 1);
  };
  if (openTab) {
    const [tab, bar] = [openTab.getBoundingClientRect(), tabs.getBoundingClientRect()];
    tabs.scrollLeft += tab.left + tab.width / 2 - bar.left - bar.width / 2;
  }
  hint();
  tabs.addEventListener("scroll", hint, { passive: true });
  window.addEventListener("resize", hint);
}

/* A button that leads to no other page, such as a download, says what it does. */
for (const form of document.querySelectorAll(".broker-head form[data-told]")) {
  form.addEventListener("submit", () => {
    const place = document.querySelector(".broker-head-told");
    place.textContent = form.dataset.told;
    form.closest("details")?.removeAttribute("open");
    place.focus();
  });
}

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
