/* The dashboard: draws the charts, sends the choice when it is made, and brings the figures up to date by itself. */
(() => {
  const EVERY_MS = 30_000;
  const COLOURS = {
    blue: ["#0284c7", "#38bdf8"],
    green: ["#16a34a", "#4ade80"],
    amber: ["#d97706", "#fbbf24"],
    red: ["#dc2626", "#f87171"],
    grey: ["#9ca3af", "#6b7280"],
  };
  let charts = [];

  const root = () => document.getElementById("dashboard");
  const isDark = () => document.documentElement.classList.contains("dark");

  /** A number with its unit, as the tiles write it. */
  function said(value, unit) {
    if (value === null || value === undefined) return "none";
    if (unit === "%") return `${value} %`;
    if (unit !== "ms") return `${value.toLocaleString("en")} ${unit}`;
    for (const [name, size, limit] of [["ms", 1, 1000], ["s", 1000, 60], ["min", 60000, 60], ["h", 3600000, Infinity]])
      if (value < size * limit) return `${(value / size).toFixed(name === "ms" ? 0 : 1)} ${name}`;
  }

  function moment(time, far) {
    return new Date(time).toLocaleString("en-GB", { ...(far ? { weekday: "short" } : {}), hour: "2-digit", minute: "2-digit" });
  }

  /** Below the chart there is room for little: the day of a week, the time of a day. */
  const axisMoment = (time, far) => (far ? new Date(time).toLocaleString("en-GB", { weekday: "short", day: "numeric" }) : moment(time, far));

  function lineOf(line) {
    const colour = COLOURS[line.colour][isDark() ? 1 : 0];
    const single = line.values.map((value, at) => value !== null && (line.values[at - 1] ?? null) === null && (line.values[at + 1] ?? null) === null);
    return {
      label: line.name, data: line.values, borderColor: colour, backgroundColor: colour, borderWidth: 1.5, tension: 0.25,
      pointRadius: single.map((alone) => (alone ? 2 : 0)), pointHoverRadius: 3, spanGaps: false,
    };
  }

  function options(tile, far) {
    const faint = isDark() ? "rgb(255 255 255 / .12)" : "rgb(0 0 0 / .09)";
    const text = isDark() ? "#9ca3af" : "#6b7280";
    const font = { size: 10 };
    const hasValues = tile.lines.some((line) => line.values.some((value) => value !== null));
    return {
      animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            title: (items) => moment(items[0].label, far),
            label: (item) => `${item.dataset.label}: ${said(item.raw, tile.unit)}`,
          },
        },
      },
      scales: {
        x: { grid: { display: false }, border: { color: faint }, ticks: { color: text, font, maxTicksLimit: 3, maxRotation: 0, callback(value) { return axisMoment(this.getLabelForValue(value), far); } } },
        y: {
          beginAtZero: true, suggestedMax: tile.unit === "%" ? 100 : undefined, grid: { color: faint }, border: { display: false },
          ticks: { display: hasValues, color: text, font, maxTicksLimit: 3, precision: tile.unit === "deliveries" ? 0 : undefined, callback: (value) => (tile.unit === "ms" ? said(value, "ms") : value.toLocaleString("en")) },
        },
      },
    };
  }

  function draw() {
    charts.forEach((chart) => chart.destroy());
    charts = [];
    const held = document.getElementById("dashboard-charts");
    if (!held || !window.Chart) return;
    const { times, tiles } = JSON.parse(held.textContent);
    const far = new Date(times.at(-1)) - new Date(times[0]) > 86_400_000;
    for (const tile of tiles) {
      const canvas = root().querySelector(`canvas[data-chart="${tile.name}"]`);
      charts.push(new Chart(canvas, { type: "line", data: { labels: times, datasets: tile.lines.map(lineOf) }, options: options(tile, far) }));
    }
  }

  /** Fetch this page again and put its figures in place of the old ones. */
  async function refresh() {
    if (document.hidden || root().contains(document.activeElement)) return;
    try {
      const answer = await fetch(window.location.href, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("dashboard");
      if (!answer.ok || !fresh) throw new Error(String(answer.status));
      root().replaceChildren(...fresh.childNodes);
      draw();
    } catch {
      const note = document.getElementById("dashboard-as-of");
      if (!note || note.classList.contains("is-stale")) return;
      note.classList.add("is-stale");
      note.textContent += " – not up to date: the server cannot be reached, or you are signed out";
    }
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest(".broker-choice");
    if (form) form.requestSubmit();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (!root()) return;
    document.documentElement.classList.add("is-scripted");
    draw();
    setInterval(refresh, EVERY_MS);
    document.addEventListener("visibilitychange", refresh);
    new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
})();
