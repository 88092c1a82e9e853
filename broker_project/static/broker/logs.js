/* Follows the Integration Logs: new rows come in on top while the button is pressed, and wait while the tab is hidden. */
(() => {
  const EVERY = 2500; // milliseconds between two looks
  const MOST = 250; // rows kept in the page
  const button = document.getElementById("log-live");
  const rows = document.getElementById("log-rows");
  const told = document.getElementById("log-told");
  if (!button || !rows) return;
  let timer = 0;
  let arrived = 0;

  const isOn = () => button.getAttribute("aria-pressed") === "true";

  function set(on) {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Pause" : "Follow live";
    clearTimeout(timer);
    if (on) look();
    else if (told.textContent) told.textContent = "Paused. " + summary();
  }

  const summary = () => (arrived ? `New since this page was opened: ${arrived}.` : "Nothing new yet.");

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(button.dataset.address, { headers: { Accept: "text/html" } });
        if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
        take(await answer.text());
      } catch (failure) {
        told.textContent = "The server does not answer as it should; trying again. Sign in again if this stays.";
      }
    }
    if (isOn()) timer = setTimeout(look, EVERY);
  }

  /** Put the rows that the page has not yet in their places; both lists are newest first. */
  function take(text) {
    if (!isOn()) return;
    const held = document.createElement("tbody");
    held.innerHTML = text;
    const incoming = [...held.rows];
    const known = new Set([...rows.rows].map((row) => row.dataset.log));
    const fresh = incoming.filter((row) => !known.has(row.dataset.log));
    const skipped = fresh.length === incoming.length && known.size > 0 && incoming.length > 0;
    let place = rows.rows[0] || null;
    for (const row of incoming) {
      if (known.has(row.dataset.log)) {
        place = [...rows.rows].find((one) => one.dataset.log === row.dataset.log).nextElementSibling;
      } else {
        row.classList.add("is-new");
        rows.insertBefore(row, place);
      }
    }
    while (rows.rows.length > MOST) rows.deleteRow(-1);
    arrived += fresh.length;
    told.textContent = skipped ? "More came than are shown here: filter the list to follow a part of it." : summary();
  }

  button.addEventListener("click", () => set(!isOn()));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isOn()) {
      clearTimeout(timer);
      look();
    }
  });
})();
