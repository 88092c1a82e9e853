/* What the Field Mappings page takes in and gives out: export, import and suggestions, each in a dialog. */
window.brokerExchange = {
  exportText: "",
  importText: "",
  importMode: "append",
  incoming: null,
  exchangeProblems: [],
  exportSaid: "",
  suggestions: [],

  async openExport() {
    const { direction, target_object, rows } = this.set();
    const told = await broker.post("export_rows", { sets: [{ direction, target_object, rows: rows.map(brokerMappings.plain) }] });
    this.exchangeProblems = told.problems;
    this.exportSaid = "";
    this.exportText = told.ok ? told.data.text : told.error;
    this.$refs.exportDialog.showModal();
  },
  async copyExport() {
    await navigator.clipboard?.writeText(this.exportText);
    this.exportSaid = `${this.exportCount()} copied.`;
  },
  exportCount() {
    const { length } = this.rows();
    return length === 1 ? "1 row was" : `${length} rows were`;
  },
  download() {
    const { direction, target_object } = this.set();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this.exportText], { type: "application/json" }));
    link.download = ["mappings", direction, target_object].filter(Boolean).join("-") + ".json";
    link.click();
    URL.revokeObjectURL(link.href);
    this.exportSaid = `${this.exportCount()} downloaded as ${link.download}.`;
  },

  openImport() {
    this.incoming = null;
    this.exchangeProblems = [];
    this.$refs.importDialog.showModal();
  },
  async readFile(event) {
    const file = event.target.files[0];
    if (file) this.importText = await file.text();
    this.incoming = null;
  },
  async checkImport() {
    const { direction, target_object } = this.set();
    const told = await broker.post("import_rows", { text: this.importText, direction, target_object });
    this.exchangeProblems = told.ok ? [] : told.problems.length ? told.problems : [{ sentence: told.error }];
    this.incoming = told.ok ? told.data.rows : null;
  },
  /** The row of the page that an incoming one takes the place of. */
  counterpart(row) {
    return this.rows().find((one) => one.target === row.target);
  },
  importSentence() {
    const replaced = this.incoming.filter((row) => this.counterpart(row)).length;
    const gone = this.rows().filter((one) => !this.incoming.some((row) => row.target === one.target)).length;
    const kept = this.importMode === "append" ? `${gone} other rows stay` : `${gone} other rows are removed`;
    return `${this.incoming.length - replaced} rows are added, ${replaced} with the same target are replaced, ${kept}.`;
  },
  applyImport() {
    const rows = this.importMode === "append" ? [...this.rows()] : [];
    for (const given of this.incoming) {
      const old = this.counterpart(given);
      const row = brokerMappings.toRow({ ...given, id: old?.id ?? null, key: old?.key ?? brokerMappings.name("n") });
      const place = rows.findIndex((one) => one.key === row.key);
      if (place >= 0) rows[place] = row;
      else rows.push(row);
    }
    this.set().rows = rows;
    this.$refs.importDialog.close();
    this.said = `${this.incoming.length} rows are on the page. Save to store them.`;
    this.importText = "";
  },

  async openSuggestions() {
    const { direction, target_object, rows } = this.set();
    const told = await broker.post("suggest", { direction, target_object, taken: rows.map((row) => row.target) });
    this.exchangeProblems = told.ok ? [] : told.problems.length ? told.problems : [{ sentence: told.error }];
    this.suggestions = told.ok ? told.data.rows.map((row, place) => ({ row, doubt: told.data.doubts[place], isChosen: !told.data.doubts[place] })) : [];
    this.$refs.suggestDialog.showModal();
  },
  applySuggestions() {
    const chosen = this.suggestions.filter((one) => one.isChosen);
    for (const { row } of chosen) this.rows().push(brokerMappings.toRow({ ...row, id: null, key: brokerMappings.name("n") }));
    this.$refs.suggestDialog.close();
    this.said = `${chosen.length} rows are on the page. Save to store them.`;
    this.$nextTick(() => document.querySelector(".mapping:last-of-type")?.scrollIntoView({ block: "center" }));
  },
};
