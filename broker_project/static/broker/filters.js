/* The filter of an action, edited as rows. The model is the filter as it is stored, {} for all work orders; rows are
   made of it and it is made of them. Names begin with "filter": the page's own names stand in the same scope. */
document.addEventListener("alpine:init", () => {
  const WITHOUT_VALUE = ["empty", "not_empty"];
  const LISTS = ["in", "not_in"];
  const KINDS = { text: "Text", number: "Number", date: "Date", boolean: "Yes or no", list: "List" };
  const HINTS = {
    changed: "Compared with the work order's last event before. At its first event everything was empty before. Leave from or to empty for any value.",
    date: "As the work order has it: 2026-07-02 14:00:00, in UTC. The beginning of it is enough.",
    matches: "A regular expression. It is found anywhere in the text; ^ and $ stand for its ends.",
    list: "One value a line.",
    number: "This is no number, so it will hardly ever match.",
  };
  /** Refused by the server in the words of its list of operators, so that what cannot be read is never saved. */
  const UNREADABLE = { conditions: [{ field: "", op: "JSON that cannot be read" }] };
  const known = Alpine.reactive({ fields: [], byPath: {}, operators: {}, error: "" });
  let asked = null;
  let made = 0;

  /** Fields and operators, asked for once a page. */
  function learn() {
    asked ||= broker.post("filter_fields", {}).then((answer) => {
      known.error = answer.error;
      if (!answer.ok) return (asked = null);
      known.operators = answer.data.operators;
      known.byPath = Object.fromEntries(answer.data.fields.map((field) => [field.path, field]));
      known.fields = answer.data.fields;
    });
    return asked;
  }

  const isValue = (value) => ["string", "number", "boolean"].includes(typeof value);
  const isEnd = (condition, end) => !(end in condition) || (isValue(condition[end]) && condition[end] !== "");

  /** Whether rows can show the condition, without losing anything. */
  function fits(condition) {
    if (!condition || typeof condition !== "object" || typeof condition.field !== "string" || typeof condition.op !== "string") return false;
    const others = Object.keys(condition).filter((name) => !["field", "op", "value", "name", "from", "to"].includes(name));
    if (others.length || !["string", "undefined"].includes(typeof condition.name)) return false;
    if (condition.op === "changed") return !("value" in condition) && isEnd(condition, "from") && isEnd(condition, "to");
    if ("from" in condition || "to" in condition) return false;
    if (LISTS.includes(condition.op)) return Array.isArray(condition.value) && condition.value.every((one) => isValue(one) && !/[\n\r]|^\s|\s$|^$/.test(String(one)));
    return WITHOUT_VALUE.includes(condition.op) ? !condition.value : isValue(condition.value);
  }

  const shape = (value) => (typeof value === "string" ? "text" : typeof value);

  function rowOf(condition) {
    const value = condition.value;
    const held = [condition.from, condition.to, Array.isArray(value) ? value[0] : value].find((one) => one !== undefined && one !== null);
    return {
      key: ++made,
      field: condition.field,
      op: condition.op,
      kind: held === undefined ? "" : shape(held),
      text: Array.isArray(value) ? value.join("\n") : String(value ?? ""),
      from: String(condition.from ?? ""),
      to: String(condition.to ?? ""),
      name: condition.name,
    };
  }

  const bare = (field) => field.trim().replace(/^workorder\./, "");

  /** What was typed, as the kind asks; a number that JavaScript would change stays text, which compares the same. */
  function typed(kind, text) {
    if (kind === "boolean") return text === "true";
    const clean = text.trim();
    if (kind === "number" && /^-?(0|[1-9]\d*)(\.\d+)?$/.test(clean) && Number.isSafeInteger(Math.trunc(Number(clean)))) return Number(clean);
    return text;
  }

  Alpine.data("filterBuilder", () => ({
    filters: {},
    filterOpen: false,
    filterMatch: "all",
    filterRows: [],
    filterAsJson: false,
    filterOnlyJson: false,
    filterText: "",
    filterTextProblem: "",
    filterProblems: {},
    filterTried: null,
    filterTrying: false,
    filterError: "",
    filterKnown: known,
    filterKinds: KINDS,

    init() {
      this.filterBox = this.$root; // the button that was pressed may be gone when the focus moves on
      this.filterRead(this.filters);
      this.$watch("filters", (given) => {
        if (JSON.stringify(given) !== this.filterLast) this.filterRead(given);
        this.filterTrySoon();
      });
      this.filterTrySoon = broker.debounced(() => this.filterTry(), 400);
    },
    destroy() { this.filterCall?.abort(); },

    // --- between the model and the rows
    filterRead(given) {
      const conditions = given?.conditions ?? [];
      this.filterLast = JSON.stringify(given);
      this.filterOnlyJson = !Array.isArray(conditions) || !conditions.every(fits);
      this.filterMatch = given?.match === "any" ? "any" : "all";
      this.filterRows = this.filterOnlyJson ? [] : conditions.map(rowOf);
      this.filterText = conditions.length ? JSON.stringify(given, null, 2) : "";
      this.filterTextProblem = "";
      this.filterAsJson ||= this.filterOnlyJson;
      if (conditions.length) learn();
    },
    filterWrite() {
      const conditions = this.filterRows.map((row) => this.filterCondition(row));
      this.filterSet(conditions.length ? { match: this.filterMatch, conditions } : {});
    },
    filterSet(value) {
      this.filterLast = JSON.stringify(value);
      this.filters = value;
    },
    filterCondition(row) {
      const kind = this.filterKind(row);
      const condition = { field: row.field.trim(), op: row.op };
      if (row.name) condition.name = row.name;
      if (row.op === "changed") {
        if (kind !== "list" && row.from !== "") condition.from = typed(kind, row.from);
        if (kind !== "list" && row.to !== "") condition.to = typed(kind, row.to);
      } else if (LISTS.includes(row.op)) {
        condition.value = row.text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => typed(kind, line));
      } else if (!WITHOUT_VALUE.includes(row.op)) {
        condition.value = typed(kind, row.text);
      }
      return condition;
    },
    filterTyped() {
      let given;
      try {
        given = this.filterText.trim() ? JSON.parse(this.filterText) : {};
      } catch {
        this.filterTextProblem = "This is not valid JSON yet. Look for a missing comma, quote or bracket.";
        return this.filterSet(UNREADABLE);
      }
      if (!given || typeof given !== "object" || Array.isArray(given) || !Array.isArray(given.conditions ?? [])) {
        this.filterTextProblem = "A filter is an object with match (all or any) and conditions (a list).";
        return this.filterSet(UNREADABLE);
      }
      this.filterTextProblem = "";
      this.filterSet(given);
    },
    filterSwitch() {
      this.filterAsJson = !this.filterAsJson;
      if (!this.filterTextProblem) this.filterRead(this.filters);
    },

    // --- rows
    filterKind(row) {
      const field = known.byPath[bare(row.field)] || known.byPath[row.field.trim()];
      return field?.kind || row.kind || "text";
    },
    filterIsFree(row) { return row.field.trim() !== "" && known.fields.length > 0 && !known.byPath[bare(row.field)] && !known.byPath[row.field.trim()]; },
    filterOps(row) {
      const offered = known.operators[this.filterKind(row)] || [];
      return offered.some((one) => one.op === row.op) ? offered : [...offered, { op: row.op, label: row.op.replaceAll("_", " ") }];
    },
    filterValues(row) { return (known.byPath[bare(row.field)] || known.byPath[row.field.trim()])?.values || []; },
    filterTakesList(row) { return LISTS.includes(row.op); },
    filterTakesOne(row) { return !LISTS.includes(row.op) && !WITHOUT_VALUE.includes(row.op) && row.op !== "changed"; },
    filterHint(row) {
      if (row.op === "changed" || row.op === "matches") return HINTS[row.op];
      if (LISTS.includes(row.op)) return HINTS.list;
      if (this.filterTakesOne(row) && row.text === "" && row.field) return "No value yet: this asks for an empty text.";
      if (this.filterKind(row) === "number" && this.filterTakesOne(row) && Number.isNaN(Number(row.text))) return HINTS.number;
      return this.filterKind(row) === "date" && this.filterTakesOne(row) ? HINTS.date : "";
    },
    /** After another field or kind was chosen: an operator and a value of that kind. */
    filterFitRow(row) {
      const offered = known.operators[this.filterKind(row)];
      if (offered && !offered.some((one) => one.op === row.op)) row.op = offered[0].op;
      if (this.filterKind(row) === "boolean" && !["true", "false"].includes(row.text)) row.text = "true";
      this.filterWrite();
    },
    filterAdd() {
      this.filterRows.push(rowOf({ field: "", op: "equals", value: "" }));
      this.filterWrite();
      this.filterFocus(this.filterRows.length - 1);
    },
    filterDuplicate(place) {
      this.filterRows.splice(place + 1, 0, { ...this.filterRows[place], key: ++made });
      this.filterWrite();
      this.filterFocus(place + 1);
    },
    filterRemove(place) {
      this.filterRows.splice(place, 1);
      this.filterWrite();
      this.filterFocus(Math.min(place, this.filterRows.length - 1));
    },
    filterFocus(place) {
      this.$nextTick(() => {
        const fields = this.filterBox.querySelectorAll(".filter-field");
        (fields[place] || this.filterBox.querySelector(".filter-add"))?.focus();
      });
    },

    // --- shown when it is closed
    filterSummary() {
      const conditions = this.filters?.conditions;
      if (!Array.isArray(conditions) || !conditions.length) return "All work orders";
      const words = conditions.map((one) => `${one?.field || "?"} ${this.filterWords(one)}`);
      return words.join(this.filters.match === "any" ? ", or " : ", and ");
    },
    filterWords(one) {
      const offered = Object.values(known.operators).flat().find((operator) => operator.op === one?.op);
      const op = offered?.label || String(one?.op ?? "?").replaceAll("_", " ");
      if (one?.op === "changed") return op + ("from" in one ? ` from ${one.from}` : "") + ("to" in one ? ` to ${one.to}` : "");
      const value = Array.isArray(one?.value) ? one.value.join(", ") : one?.value ?? "";
      return WITHOUT_VALUE.includes(one?.op) ? op : `${op} ${String(value).slice(0, 60) || "“”"}`;
    },

    // --- what it would have done
    filterToggle() {
      this.filterOpen = !this.filterOpen;
      if (!this.filterOpen) return;
      learn().then(() => this.filterTrySoon());
      broker.drawn().then(() => this.$root.querySelector(".filter-body select, .filter-body textarea")?.focus());
    },
    async filterTry() {
      if (!this.filterOpen || this.filterTextProblem) return;
      this.filterCall?.abort();
      this.filterCall = new AbortController();
      this.filterTrying = true;
      const answer = await broker.post("filter_preview", { event_type: this.trigger.event_type, filters: this.filters }, { signal: this.filterCall.signal });
      if (answer.aborted) return;
      this.filterTrying = false;
      this.filterError = answer.error;
      this.filterTried = answer.ok ? answer.data : null;
      this.filterProblems = Object.fromEntries(answer.problems.map((one) => [one.at, one.sentence]));
    },
    filterResult() {
      if (this.filterError) return this.filterError;
      if (this.filterProblems[""]) return this.filterProblems[""];
      if (Object.keys(this.filterProblems).length) return "Complete the conditions to see what they match.";
      if (this.filterTried) return this.filterTried.sentence;
      return this.filterTrying ? "Trying it on the last events…" : "";
    },
    filterWhen(moment) { return new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }); },
  }));
});
