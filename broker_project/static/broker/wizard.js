/* A new connector step by step. Events and mappings are saved by the acts of their own pages. */
document.addEventListener("alpine:init", () => {
  const state = document.getElementById("page-state") ? broker.state() : { platforms: [], companies: [] };
  const LAST = 7;
  const FOLLOWED = 60; // seconds
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  Alpine.data("wizard", () => ({
    platforms: state.platforms,
    companies: state.companies,
    presets: state.presets,
    labels: state.labels,
    draft: null,
    step: 1,
    reached: 1,
    busy: "",
    problems: {},
    errors: [],
    platform: state.platforms[0]?.slug || "",
    company: state.companies[0]?.id || 0,
    name: "",
    values: {},
    secrets: {},
    kept: [],
    tested: null,
    proposals: [],
    proposal: 0,
    outboundCreate: true,
    discovered: null,
    preset: "Minimal",
    triggers: [],
    hasNotes: false,
    mappings: 0,
    sides: [],
    samples: [],
    sample: 0,
    shown: null,
    sent: null,
    outcome: null,
    log: "",
    version: 0,

    init() {
      this.clear();
      if (state.draft) this.take(state.draft);
      this.$watch("platform", () => this.clear());
      broker.guard(() => !this.draft && this.step > 1);
    },

    clear() {
      this.values = Object.fromEntries(this.all().filter((field) => !field.secret).map((field) => [field.name, field.default]));
      this.secrets = Object.fromEntries(this.all().filter((field) => field.secret).map((field) => [field.name, ""]));
    },

    take(draft) {
      Object.assign(this, { draft: draft.id, platform: draft.platform, company: draft.company, name: draft.name, kept: draft.kept });
      Object.assign(this, { triggers: draft.triggers, mappings: draft.mappings, hasNotes: draft.has_notes, version: draft.version });
      this.clear();
      Object.assign(this.values, draft.settings);
      const ticked = draft.triggers.some((trigger) => trigger.is_enabled);
      if (draft.has_records) this.outboundCreate = draft.outbound_create;
      this.reached = this.step = !draft.has_records ? 2 : !ticked ? 5 : !draft.mappings ? 6 : LAST;
      this.$nextTick(() => this.enter());
    },

    // --- the settings as inputs

    known() { return this.platforms.find((one) => one.slug === this.platform) || { sign_in: [], records: [] }; },
    all() { return [...this.known().sign_in, ...this.known().records]; },
    applies(field) { return !field.shown_when || field.shown_when[1].includes(this.values[field.shown_when[0]]); },
    isExtra(part, field) { return part === "sign_in" ? field.kind === "headers" || (!field.required && field.name === "test_path") : field.group !== this.known().records[0].group; },
    main(part) { return this.known()[part].filter((field) => this.applies(field) && !this.isExtra(part, field)); },
    more(part) { return this.known()[part].filter((field) => this.applies(field) && this.isExtra(part, field)); },
    otherGroups() { return [...new Set(this.more("records").map((field) => field.group))]; },
    inGroup(group) { return this.more("records").filter((field) => field.group === group); },
    hasProblem(part, group) { return this.more(part).some((field) => this.problems[field.name] && (group === true || field.group === group)); },

    // --- moving about

    async go(step) {
      this.problems = {};
      this.errors = [];
      this.step = step;
      this.reached = Math.max(this.reached, step);
      await broker.drawn();
      document.getElementById(`wizard-${step}`)?.focus();
      await this.enter();
    },

    async enter() {
      if (this.step === 3 && !this.tested) await this.test();
      if (this.step === 6 && !this.mappings && !this.sides.length) await this.suggest();
      if (this.step === LAST && !this.sent) await this.offer();
    },

    canGoOn() {
      if (this.step === 3) return !!this.tested;
      if (this.step === LAST) return !!this.shown && !this.shown.failure && this.shown.requests.length > 0;
      return true;
    },

    nextLabel() {
      if (this.step === 3 && this.tested && !this.tested.ok) return "Go on all the same";
      return { 1: "Next", 2: "Save and test", 3: "Next", 4: this.discovered ? "Next" : "Save and read the fields", 5: "Tick these", 6: this.mappings ? "Next" : "Save these", 7: "Switch on and send" }[this.step];
    },

    skipLabel() { return { 5: "Choose events later", 6: this.mappings ? "" : "Map fields later", 7: "Switch on without sending" }[this.step] || ""; },
    async skip() {
      if (this.step < LAST) return this.go(this.step + 1);
      if (await this.post("Switching on …", this.at("switch-on"), {})) window.location.assign(this.page("events"));
    },

    next() {
      const doing = { 1: "check", 2: "signIn", 3: "toRecords", 4: "saveRecords", 5: "saveEvents", 6: "saveMappings", 7: "send" }[this.step];
      return this[doing]();
    },

    // --- posting

    page(name) { return state.add.replace(/add\/$/, `${this.draft}/${name}/`); },
    at(act) { return this.draft ? `${state.add}${this.draft}/${act}/` : `${state.add}begin/`; },

    async post(doing, address, data) {
      this.busy = doing;
      this.problems = {};
      this.errors = [];
      const answer = await broker.post(address, data);
      this.busy = "";
      if (answer.ok) return answer.data;
      if (answer.error) this.errors = [answer.error];
      for (const problem of answer.problems) {
        if (problem.at) this.problems[problem.at] = problem.sentence;
        else this.errors.push(problem.sentence);
      }
      await this.$nextTick();
      (document.querySelector(".wizard-step [aria-invalid=true]") || this.$refs.problems).focus();
      return null;
    },

    /** Everything that is wrong, summed up above the buttons. */
    sentences() {
      const label = (at) => this.all().find((field) => field.name === at)?.label;
      const told = Object.entries(this.problems).map(([at, sentence]) => (label(at) ? `${label(at)}: ${sentence}` : sentence));
      return [...new Set([...this.errors, ...told])];
    },

    async check() {
      const isTaken = !this.draft && state.taken.some(([company, name]) => company === Number(this.company) && name === this.name.trim());
      if (isTaken) this.problems = { name: "The company has a connector of this name already. Choose another name." };
      else this.problems = this.name.trim() ? {} : { name: "Give the system a name." };
      if (!this.problems.name) return this.go(2);
      await this.$nextTick();
      document.getElementById("w-name").focus();
    },

    async signIn() {
      const own = this.known().sign_in.filter((field) => this.applies(field));
      const pick = (from, secret) => Object.fromEntries(own.filter((field) => field.secret === secret).map((field) => [field.name, from[field.name]]));
      const data = { name: this.name, company: this.company, platform: this.platform, version: this.version, settings: pick(this.values, false), secrets: pick(this.secrets, true) };
      const saved = await this.post("Saving …", this.at("sign-in"), data);
      if (!saved) {
        if (!this.draft && (this.problems.name || this.problems.company || this.problems.platform)) this.step = 1;
        return;
      }
      this.kept = saved.kept;
      for (const name of Object.keys(this.secrets)) this.secrets[name] = "";
      if (!this.draft) {
        this.draft = saved.id;
        window.history.replaceState(null, "", `${state.add}${saved.id}/`);
      }
      this.version = saved.version;
      this.tested = null;
      await this.go(3);
      if (saved.notice) this.errors = [saved.notice];
    },

    async test() {
      const found = await this.post("Testing …", this.at("test"), {});
      if (!found) return;
      this.tested = found;
      this.proposals = found.proposals;
    },

    toRecords() {
      if (this.proposals.length && !this.values.record_path) this.fill();
      return this.go(4);
    },

    fill() {
      Object.assign(this.values, this.proposals[this.proposal].settings);
      this.discovered = null;
    },

    async saveRecords() {
      if (this.discovered) return this.go(5);
      const own = this.known().records.filter((field) => this.applies(field) && !field.secret);
      const settings = Object.fromEntries(own.map((field) => [field.name, this.values[field.name]]));
      const saved = await this.post("Saving …", this.at("records"), { version: this.version, settings, outbound_create: this.outboundCreate });
      if (!saved) return;
      this.version = saved.version;
      this.sides = [];
      const found = await this.post("Reading the fields …", this.at("discover"), {});
      if (!found) return;
      this.discovered = found;
      this.hasNotes = found.has_notes;
      this.reached = Math.max(this.reached, 5);
      await broker.drawn();
      broker.show(document.getElementById("wizard-found"));
    },

    // --- events and mappings

    chosenEvents() { return this.presets.find((one) => one.name === this.preset)?.events || []; },
    actionOf(constant) { return state.events.find((event) => event.constant === constant)?.action || "update"; },
    leftOut() { return this.hasNotes ? [] : this.chosenEvents().filter((constant) => this.actionOf(constant) === "create"); },

    async saveEvents() {
      const wanted = this.chosenEvents().filter((constant) => !this.leftOut().includes(constant));
      const known = this.triggers.map((trigger) => ({ ...trigger, is_enabled: wanted.includes(trigger.event_type) }));
      const fresh = wanted.filter((constant) => !known.some((trigger) => trigger.event_type === constant));
      const made = fresh.map((constant) => ({
        key: constant, id: null, event_type: constant, action: this.actionOf(constant), target_object: this.actionOf(constant) === "create" ? "note" : "",
        script: "", filters: {}, delivery_mode: "each", on_failure: "continue", is_enabled: true,
      }));
      const saved = await this.post("Saving …", this.page("events") + "save/", { version: this.version, triggers: [...known, ...made], comment: `Preset ${this.preset}` });
      if (!saved) return;
      this.version = saved.version;
      this.triggers = saved.triggers;
      await this.go(6);
    },

    async suggest() {
      const found = await this.post("Comparing names …", this.at("suggest"), {});
      if (!found) return;
      const side = (direction, label) => ({
        direction, label,
        rows: found[direction].map((row) => ({ ...row, key: `${direction}-${row.key}`, chosen: direction === "outbound" && !row.doubt })),
      });
      this.sides = [side("outbound", `From Field Nation to ${this.name}`), side("inbound", `From ${this.name} to Field Nation`)];
    },

    actionLabel(row) {
      if (row.action === "array_map") return `Value list of ${row.options.mappings.length}`;
      return { date_convert: "Date Convert", concat: "as text" }[row.action] || row.action;
    },

    async saveMappings() {
      if (this.mappings) return this.go(LAST);
      const sets = this.sides.map((side) => ({
        direction: side.direction, target_object: "",
        rows: side.rows.filter((row) => row.chosen).map(({ chosen, doubt, from, to, ...row }) => row),
      }));
      const saved = await this.post("Saving …", this.page("mappings") + "save/", { version: this.version, sets, comment: "Suggested from field names" });
      if (!saved) return;
      this.version = saved.version;
      this.mappings = sets.reduce((sum, set) => sum + set.rows.length, 0);
      await this.go(LAST);
    },

    // --- the sample

    async offer() {
      const found = await this.post("Looking for samples …", this.at("samples"), {});
      if (!found) return;
      this.samples = found.samples;
      this.sample = 0;
      await this.tryOut();
    },

    builtIn() { return this.samples[this.sample]?.source.kind === "sample"; },

    async tryOut() {
      const { trigger, source } = this.samples[this.sample];
      this.shown = await this.post("Trying …", this.at("try-out"), { trigger, source, read: false });
    },

    async send() {
      const { trigger, source } = this.samples[this.sample];
      const sent = await this.post("Sending …", this.at("send"), { trigger, source });
      if (!sent) return;
      this.sent = sent.event;
      this.outcome = { state: "Sent.", sentence: "Waiting for the worker …", kind: "", ended: false };
      for (let seconds = 0; seconds < FOLLOWED && !this.outcome.ended; seconds += 1) {
        await pause(1000);
        const answer = await broker.post(this.at("follow"), { event: this.sent });
        if (!answer.ok) continue;
        this.log = answer.data.log;
        const [delivery] = answer.data.deliveries;
        if (delivery) this.outcome = delivery;
        else this.outcome = { state: "Not sent.", sentence: answer.data.decisions.join(" "), kind: "danger", ended: true };
      }
      if (!this.outcome.ended) Object.assign(this.outcome, { ended: true, sentence: `${this.outcome.sentence} It takes longer than a minute; its log tells what comes of it.` });
    },
  }));
});
