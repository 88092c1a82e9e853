/* The Field Mappings page: lists of rows, their preview as one types, import, export, suggestions, one save. */
document.addEventListener("alpine:init", () => {
  const { cell, entry, part, toRow, plain, wrongCells, summary, name } = window.brokerMappings;
  const given = broker.state();

  Alpine.data("fieldMappings", () => ({
    mayChange: given.may_change,
    sets: [],
    shownSet: 0,
    opened: {},
    results: {},
    findings: [],
    problems: [],
    wholeObject: "",
    input: "",
    seen: {},
    sampleProblem: "",
    samples: given.samples,
    sample: {},
    readId: "",
    recordIds: given.record_ids,
    isReading: false,
    actions: given.actions,
    events: given.events,
    dirty: false,
    isSaving: false,
    isStale: false,
    notice: "",
    said: "",
    comment: "",
    dragged: "",
    dropAt: "",
    summary,

    init() {
      for (const side of ["outbound", "inbound"]) this.sample[side] = { value: given.samples[side][0].value, text: "" };
      this.version = given.version;
      this.baseline = JSON.stringify(given.sets);
      this.load();
      const again = broker.debounced(() => this.preview(), 350);
      this.$watch("sets", () => this.changed(again));
      this.$watch("sample", again);
      this.$watch("shownSet", () => this.preview());
      broker.guard(() => this.dirty);
      this.preview();
    },
    load() {
      this.sets = JSON.parse(this.baseline).map((set) => ({ ...set, rows: set.rows.map(toRow) }));
      this.saved = JSON.stringify(this.posted());
    },
    changed(again) {
      this.dirty = JSON.stringify(this.posted()) !== this.saved;
      if (this.dirty) this.notice = "";
      again();
    },
    posted() {
      return this.sets.map(({ direction, target_object, rows }) => ({ direction, target_object, rows: rows.map(plain) }));
    },

    // --- Lists and fields ---
    set() {
      return this.sets[this.shownSet];
    },
    rows() {
      return this.set().rows;
    },
    fields() {
      const set = this.set();
      return given.fields[`${set.direction}.${set.target_object}`];
    },
    sources() {
      const known = this.fields().sources;
      const paths = new Set(known.map((field) => field.path));
      const others = Object.keys(this.seen).filter((path) => !paths.has(path) && !path.startsWith("workorder."));
      const more = others.map((path) => ({ path, label: "in the sample", type: typeof this.seen[path], choices: [], note: "" }));
      return [...known, ...more];
    },
    targets() {
      return this.fields().targets;
    },
    targetChoices(row) {
      return this.targets().find((field) => field.path === row.target)?.choices || [];
    },


    /** A custom field of Field Nation has no path: it is read by a script. */
    pickSource(row, path, field) {
      const number = field?.custom && this.set().direction === "outbound" && /^custom_fields\.(\d+)$/.exec(path);
      if (!number) return (row.source = path);
      row.action = "custom";
      row.source = "";
      row.script = `$.util.lookup_custom_field(${number[1]}, $.input, null)`;
      this.said = `${field.label} is a custom field, so a script reads it.`;
    },
    partSources() {
      return this.sources().filter((field) => !field.custom);
    },

    // --- Rows ---
    add(made = toRow({ key: name("n") })) {
      this.rows().push(made);
      this.opened[made.key] = true;
      this.$nextTick(() => {
        const row = document.getElementById(`row-${made.key}`);
        row?.scrollIntoView({ block: "center" });
        row?.querySelector("select")?.focus({ preventScroll: true });
      });
    },
    duplicate(row) {
      const copy = toRow({ ...plain(row), key: name("n"), id: null, label: row.label });
      this.rows().splice(this.rows().indexOf(row) + 1, 0, copy);
      this.opened[copy.key] = true;
      this.said = "Row duplicated. Give the copy another target, or switch one of them off.";
    },
    remove(row) {
      const place = this.rows().indexOf(row);
      this.rows().splice(place, 1);
      this.said = `Row ${row.target || "without target"} removed. It goes when you save.`;
      const next = this.rows()[Math.min(place, this.rows().length - 1)];
      this.$nextTick(() => (next ? document.getElementById(`open-${next.key}`) : this.$refs.add)?.focus());
    },
    move(row, step, button) {
      const rows = this.rows();
      const from = rows.indexOf(row);
      const to = from + step;
      if (to < 0 || to >= rows.length) return;
      rows.splice(to, 0, rows.splice(from, 1)[0]);
      this.said = `${row.target || "Row"} is now row ${to + 1} of ${rows.length}.`;
      this.$nextTick(() => button.focus());
    },
    drop(row) {
      const rows = this.rows();
      const from = rows.findIndex((one) => one.key === this.dragged);
      const to = rows.indexOf(row);
      if (from >= 0 && to >= 0 && from !== to) rows.splice(to, 0, rows.splice(from, 1)[0]);
      this.dragged = this.dropAt = "";
    },
    addEntry(row, list) {
      row[list].push(entry({}, list === "ranges" ? "number" : "text"));
    },
    shift(list, place, step) {
      if (list[place + step]) list.splice(place + step, 0, list.splice(place, 1)[0]);
    },
    sortRanges(row) {
      row.ranges.sort((one, other) => Number(one.compare.text) - Number(other.compare.text));
    },
    isUnsorted: (row) => row.ranges.some((one, place) => place && Number(one.compare.text) < Number(row.ranges[place - 1].compare.text)),
    importChoices(row) {
      const there = new Set(row.mappings.map((one) => String(one.value.text)));
      for (const [value] of this.targetChoices(row)) {
        if (!there.has(String(value))) row.mappings.push({ ...entry({ value }), compare: cell("") });
      }
    },
    addPart(row, type) {
      row.parts.push(part({ type }));
    },

    // --- Preview ---
    async preview() {
      this.asked?.abort();
      this.asked = new AbortController();
      const { direction, target_object } = this.set();
      const sample = this.sample[direction];
      const told = await broker.post("preview", { sets: this.posted(), direction, target_object, sample }, { signal: this.asked.signal });
      if (told.aborted) return;
      if (!told.ok) {
        this.sampleProblem = told.error || told.problems.map((one) => one.sentence).join(" ");
        return;
      }
      this.results = told.data.results;
      this.findings = told.data.findings;
      this.wholeObject = told.data.object;
      this.input = told.data.input;
      this.seen = told.data.seen;
      this.sampleProblem = told.data.sample_problem;
    },
    result(row) {
      return this.results[row.key] || {};
    },
    async readRecord() {
      this.isReading = true;
      const told = await broker.post("read_record", { external_id: this.readId });
      this.isReading = false;
      if (!told.ok) this.sampleProblem = told.error || told.problems[0].sentence;
      else this.sample.inbound = { value: "pasted", text: told.data.text };
    },

    // --- Problems ---
    /** Sentences at a row: {sentence, severity}. */
    about(row) {
      const local = wrongCells(row).map((sentence) => ({ sentence, severity: "error" }));
      const isBegun = row.id || row.target || row.source || this.problems.length;
      const told = isBegun ? this.findings.filter((one) => one.at === row.key) : [];
      const refused = this.problems.filter((one) => one.at === row.key && !told.some((other) => other.sentence === one.sentence));
      return [...local, ...told, ...refused.map((one) => ({ ...one, severity: "error" }))];
    },
    general() {
      const { direction, target_object } = this.set();
      return this.findings.filter((one) => !one.at || one.at === `${direction}.${target_object}`);
    },
    isWrong(row) {
      return this.about(row).some((one) => one.severity === "error");
    },
    countWrong(set) {
      return set.rows.filter((row) => this.isWrong(row)).length;
    },
    goTo(problem) {
      const place = this.sets.findIndex((set) => this.isSet(set, problem) || set.rows.some((row) => row.key === problem.at));
      if (place < 0) return;
      this.shownSet = place;
      if (this.isSet(this.sets[place], problem)) return this.$nextTick(() => this.$refs.add.focus());
      this.opened[problem.at] = true;
      this.$nextTick(() => document.getElementById(`open-${problem.at}`)?.focus());
    },
    isSet: (set, problem) => problem.at === `${set.direction}.${set.target_object}`,
    place(problem) {
      for (const set of this.sets) {
        if (this.isSet(set, problem)) return `${set.label}: `;
        const row = set.rows.find((one) => one.key === problem.at);
        if (row) return `${set.label}, row ${set.rows.indexOf(row) + 1}${row.target ? ` (${row.target})` : ""}: `;
      }
      return "";
    },

    // --- Save ---
    async save() {
      const local = this.sets.flatMap((set) => set.rows).flatMap((row) => wrongCells(row).map((sentence) => ({ at: row.key, sentence })));
      if (local.length) return this.refuse(local);
      this.isSaving = true;
      const sets = this.posted();
      const told = await broker.post("save", { version: this.version, sets, comment: this.comment });
      this.isSaving = false;
      if (!told.ok) return this.refuse(told.problems.length ? told.problems : [{ at: "", sentence: told.error }]);
      this.version = told.data.version;
      for (const row of this.sets.flatMap((set) => set.rows)) row.id = told.data.ids[row.key] ?? row.id;
      for (const row of sets.flatMap((set) => set.rows)) row.id = told.data.ids[row.key] ?? row.id;
      this.saved = JSON.stringify(sets);
      this.baseline = JSON.stringify(sets.map((set, place) => ({ ...set, label: this.sets[place].label })));
      this.dirty = JSON.stringify(this.posted()) !== this.saved;
      this.problems = [];
      this.comment = "";
      this.notice = told.data.sentence;
    },
    refuse(problems) {
      this.problems = problems;
      this.notice = "";
      this.isStale = problems.some((one) => one.at === "version");
      const first = problems.find((one) => this.place(one));
      if (first) this.goTo(first);
      else broker.drawn().then(() => this.$refs.problems.focus());
    },
    discard() {
      this.load();
      this.problems = [];
      this.said = "Your changes were discarded.";
    },
    reload() {
      this.dirty = false;
      window.location.reload();
    },

    ...window.brokerExchange,
  }));
});
