// What both pages share: building elements, fetching the state every second, keeping the cards in order.
"use strict";

export function el(tag, settings = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** POST JSON; answers the parsed body, throws an Error with the simulator's sentence. */
export async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  const parsed = await answer.json().catch(() => ({}));
  if (answer.ok) return parsed;
  const fields = Object.entries(parsed.error?.fields ?? {}).map(([name, text]) => `${name}: ${text}`);
  throw new Error(fields.join(" ") || parsed.error?.message || parsed.detail || parsed.message || `HTTP ${answer.status}`);
}

export function ago(text) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(text)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
}

export function fact(label) {
  const value = el("dd");
  const box = el("div", {}, el("dt", {textContent: label}), value);
  return {box, set(text, changed) {
    const unset = text === "" || text == null;
    value.textContent = unset ? "–" : String(text);
    box.classList.toggle("unset", unset);
    box.classList.toggle("changed", changed);
  }};
}

/** Call `render` with the state now, every second, and whenever `refresh` is called; no page load. */
export function follow(render) {
  const live = document.querySelector(".live");
  async function refresh() {
    try {
      const answer = await fetch("/ui/state", {cache: "no-store"});
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      render(await answer.json());
      live.classList.remove("lost");
      live.textContent = "live";
    } catch (error) {
      live.classList.add("lost");
      live.textContent = "no answer";
      if (!(error instanceof TypeError)) console.error(error);
    }
  }
  async function loop() {
    if (!document.hidden) await refresh();
    setTimeout(loop, 1000);
  }
  loop();
  return refresh;
}

/** A list of cards, one per id. `make` builds `{node, update(row)}`; a row whose change is new lights up. */
export function cards(list, make) {
  const known = new Map();
  let first = true;
  return function show(rows, idOf, changeOf) {
    for (const row of rows) {
      const id = idOf(row), mark = changeOf(row);
      let card = known.get(id);
      if (!card) known.set(id, card = {...make(row), mark: first ? mark : null});
      card.update(row);
      if (card.mark !== mark) {
        card.node.classList.remove("fresh");
        void card.node.offsetWidth; // starts the animation again
        card.node.classList.add("fresh");
      }
      card.mark = mark;
    }
    const wanted = new Set(rows.map(idOf));
    for (const [id, card] of known) if (!wanted.has(id)) { card.node.remove(); known.delete(id); }
    first = false;
    if (list.contains(document.activeElement) && document.activeElement.closest("form")) return; // someone is typing
    rows.forEach((row, place) => {
      const node = known.get(idOf(row)).node;
      if (list.children[place] !== node) list.insertBefore(node, list.children[place] ?? null);
    });
  };
}
