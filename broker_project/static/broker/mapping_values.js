/* Mapping rows as the page edits them. A typed value is a cell {kind, text}; the inputs of all actions are kept while one is chosen. */
window.brokerMappings = (() => {
  const LISTS = { array_map: "mappings", range_map: "ranges" };
  const DATES = ["input_format", "output_format", "timezone_in", "timezone_out"];
  let made = 0;
  const name = (letter) => `${letter}${++made}`;

  /** The cell of a JSON value. */
  function cell(value) {
    if (value === null) return { kind: "null", text: "" };
    if (typeof value === "object" && value !== undefined) return { kind: "json", text: JSON.stringify(value) };
    return { kind: value === undefined ? "text" : { string: "text" }[typeof value] || typeof value, text: String(value ?? "") };
  }

  /** What a cell cannot mean, as a sentence; empty when all is well. */
  function wrong(one) {
    if (one.kind === "number" && (one.text.trim() === "" || !Number.isFinite(Number(one.text)))) return `“${one.text}” is no number.`;
    if (one.kind !== "json") return "";
    try {
      JSON.parse(one.text);
      return "";
    } catch {
      return `“${one.text.slice(0, 40)}” is no JSON.`;
    }
  }

  /** The JSON value of a cell; of a wrong one its text, which is never saved. */
  function valueOf(one) {
    if (one.kind === "null") return null;
    if (one.kind === "boolean") return one.text === "true";
    if (one.kind === "text" || wrong(one)) return one.text;
    return one.kind === "number" ? Number(one.text) : JSON.parse(one.text);
  }

  const entry = (one = {}, kind = "text") => ({ id: name("e"), compare: one.compare === undefined ? { kind, text: "" } : cell(one.compare), value: cell(one.value) });
  const part = (one = {}) => ({ id: name("p"), type: one.type === "static" ? "static" : "field", value: String(one.value ?? "") });
  const listed = (value) => (Array.isArray(value) ? value.filter((one) => one && typeof one === "object") : []);

  /** A row of the page from one of the server's. */
  function toRow(given) {
    const options = given.options || {};
    const row = {
      key: given.key, id: given.id ?? null, is_enabled: given.is_enabled !== false, action: given.action || "sync",
      source: given.source || "", target: given.target || "", label: given.label || "",
      has_default: given.has_default === true, default: cell(given.has_default ? given.default : undefined),
      conflict_policy: given.conflict_policy || "", write_mode: given.write_mode || "always", events: [...(given.events || [])],
      value: cell(options.value), mappings: listed(options.mappings).map((one) => entry(one)),
      ranges: listed(options.ranges).map((one) => entry(one, "number")), parts: listed(options.parts).map(part), script: options.script || "",
    };
    for (const key of DATES) row[key] = options[key] ?? "";
    return row;
  }

  /** The action's own keys of a row. */
  function optionsOf(row) {
    const pair = (one) => ({ compare: valueOf(one.compare), value: valueOf(one.value) });
    if (row.action === "set_static") return { value: valueOf(row.value) };
    if (LISTS[row.action]) return { [LISTS[row.action]]: row[LISTS[row.action]].map(pair) };
    if (row.action === "date_convert") return Object.fromEntries(DATES.filter((key) => row[key] || key.endsWith("format")).map((key) => [key, row[key]]));
    if (row.action === "concat") return { parts: row.parts.map(({ type, value }) => ({ type, value })) };
    return row.action === "custom" ? { script: row.script } : {};
  }

  /** The row as the server takes it. */
  function plain(row) {
    const sourced = row.action !== "set_static" && row.action !== "concat";
    return {
      key: row.key, id: row.id, is_enabled: row.is_enabled, action: row.action, source: sourced ? row.source.trim() : "",
      target: row.target.trim(), options: optionsOf(row), has_default: row.has_default && row.action !== "set_static",
      default: row.has_default && row.action !== "set_static" ? valueOf(row.default) : null, label: row.label.trim(),
      conflict_policy: row.conflict_policy, write_mode: row.write_mode, events: row.events,
    };
  }

  /** Sentences about cells that hold no value of their kind. */
  function wrongCells(row) {
    const cells = row.has_default && row.action !== "set_static" ? [row.default] : [];
    if (row.action === "set_static") cells.push(row.value);
    for (const one of row[LISTS[row.action]] || []) cells.push(one.compare, one.value);
    return [...new Set(cells.map(wrong).filter(Boolean))];
  }

  /** A few words about what a row does, for its closed form. */
  function summary(row) {
    if (row.action === "set_static") return row.value.kind === "null" ? "null" : row.value.text || "(empty text)";
    if (row.action === "concat") return row.parts.map((one) => (one.type === "static" ? `“${one.value}”` : one.value)).join(" + ") || "(no parts)";
    if (row.action === "custom") return row.source || "script";
    return row.source || "(no source)";
  }

  return { cell, wrong, valueOf, entry, part, toRow, plain, wrongCells, summary, name };
})();
