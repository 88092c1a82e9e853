/* The Event Triggers page. Its state is one list of actions an event; an action is
   {key, id|null, event_type, action, target_object, script, filters, delivery_mode, on_failure, is_enabled}. */
document.addEventListener("alpine:init", () => {
  const given = broker.state();
  const events = Object.fromEntries(given.events.map((event) => [event.constant, event]));
  const constants = given.events.map((event) => event.constant);
  const ACTIONS = { update: "Update Record", create: "Create Record", script: "Custom Script" };
  const copy = (value) => JSON.parse(JSON.stringify(value));
  let made = 0;

  function fresh(constant) {
    const action = events[constant].action;
    return {
      key: `n${++made}`, id: null, event_type: constant, action, target_object: action === "create" ? "note" : "",
      script: "", filters: {}, delivery_mode: "each", on_failure: "continue", is_enabled: true,
    };
  }

  function grouped(triggers) {
    const rows = Object.fromEntries(constants.map((constant) => [constant, []]));
    for (const trigger of triggers) (rows[trigger.event_type] ||= []).push(trigger);
    return rows;
  }

  const whyEach = (trigger) => {
    if (trigger.action !== "update") return "Only Update Record can send the newest state only.";
    if (!events[trigger.event_type]?.mergeable) return "Each of these events tells something of its own, so each is sent.";
    return "";
  };
  const modeOf = (trigger) => (whyEach(trigger) ? "each" : trigger.delivery_mode);

  /** The action as it is saved: what its kind does not use is left out. */
  const plain = (trigger) => ({
    id: trigger.id,
    event_type: trigger.event_type,
    action: trigger.action,
    target_object: trigger.action === "create" ? trigger.target_object : "",
    script: trigger.action === "script" ? trigger.script : "",
    filters: trigger.filters?.conditions?.length ? copy(trigger.filters) : {},
    delivery_mode: modeOf(trigger),
    on_failure: trigger.on_failure,
    is_enabled: trigger.is_enabled,
  });

  /** JSON whose keys are in order, so that equal means equal. */
  const sorted = (value) => JSON.stringify(value, (_, held) =>
    held && typeof held === "object" && !Array.isArray(held)
      ? Object.fromEntries(Object.keys(held).sort().map((name) => [name, held[name]])) : held);

  /** What is worth saving: an event that was ticked and unticked again, with nothing set up, is not. */
  const worth = (triggers) => triggers.filter((trigger) =>
    trigger.id !== null || trigger.is_enabled || sorted(plain({ ...trigger, is_enabled: true })) !== sorted(plain(fresh(trigger.event_type))));
  const mark = (triggers) => sorted(worth(triggers).map(plain));

  Alpine.data("eventTriggers", () => ({
    mayChange: given.may_change,
    mostActions: given.most_actions,
    presets: given.presets,
    version: given.version,
    rows: grouped(copy(given.triggers)),
    stored: grouped(given.triggers),
    advice: given.advice,
    sought: "",
    onlyTicked: false,
    choosing: false,
    saving: false,
    comment: "",
    noting: false,
    problems: [],
    error: "",
    sentence: "",
    changes: [],
    whyEach,
    modeOf,
    wasOn: {},
    asked: 0,

    init() {
      broker.guard(() => this.isDirty());
      this.adviseSoon = broker.debounced(() => this.advise(), 150);
    },

    // --- what is ticked
    actionsOf(constant) { return this.rows[constant]; },
    ticked(constant) { return this.rows[constant].some((trigger) => trigger.is_enabled); },
    tickedOnes() { return constants.filter((constant) => this.ticked(constant)); },
    countTicked() { return this.tickedOnes().length; },
    tick(constant, on) {
      if (on === this.ticked(constant)) return;
      const triggers = this.rows[constant];
      if (on && !triggers.length) triggers.push(fresh(constant));
      for (const trigger of triggers) {
        if (!on) this.wasOn[trigger.key] = trigger.is_enabled;
        trigger.is_enabled = on && (this.wasOn[trigger.key] ?? true);
      }
      this.adviseSoon();
    },
    tickSection(section, on) {
      for (const constant of constants) if (events[constant].section === section) this.tick(constant, on);
    },
    sectionCount(section) {
      const inside = constants.filter((constant) => events[constant].section === section);
      return `${inside.filter((constant) => this.ticked(constant)).length} of ${inside.length}`;
    },

    // --- presets
    added(preset) { return preset.events.filter((constant) => !this.ticked(constant)); },
    removed(preset) { return this.tickedOnes().filter((constant) => !preset.events.includes(constant)); },
    isPresent(preset) { return !this.added(preset).length && !this.removed(preset).length; },
    names(list) { return list.map((constant) => events[constant].name).join(", "); },
    apply(preset) {
      for (const constant of constants) this.tick(constant, preset.events.includes(constant));
    },

    // --- which rows are shown
    isShown(constant) {
      const sought = this.sought.trim().toLowerCase();
      return (!sought || events[constant].search.includes(sought)) && (!this.onlyTicked || this.ticked(constant) || this.isChanged(constant));
    },
    sectionShown(section) { return constants.some((constant) => events[constant].section === section && this.isShown(constant)); },
    anyShown() { return constants.some((constant) => this.isShown(constant)); },
    summary(constant) {
      const triggers = this.rows[constant];
      if (!this.ticked(constant)) return "Off, set-up kept";
      const words = triggers.filter((trigger) => trigger.is_enabled).map((trigger) => {
        const filter = trigger.filters?.conditions?.length ? ", filtered" : "";
        return ACTIONS[trigger.action] + (modeOf(trigger) === "newest" ? ", newest only" : "") + filter;
      });
      return words.join(" · ");
    },

    // --- the actions of an event
    add(constant) { this.rows[constant].push({ ...fresh(constant), is_enabled: this.ticked(constant) }); this.adviseSoon(); },
    remove(constant, place) { this.rows[constant].splice(place, 1); this.adviseSoon(); },
    move(constant, place, by) {
      const triggers = this.rows[constant];
      triggers.splice(place + by, 0, ...triggers.splice(place, 1));
      this.$nextTick(() => focusOn(`${triggers[place + by].key}-action`));
    },

    /** Another kind of action was chosen: what it cannot have goes; a script stays, in case it is chosen again. */
    acted(trigger) {
      trigger.target_object = trigger.action === "create" ? fresh(trigger.event_type).target_object : "";
      trigger.delivery_mode = modeOf(trigger);
      this.adviseSoon();
    },

    // --- advice
    isAdvised(code) { return this.advice.some((one) => !one.event && one.code === code); },
    adviceOf(constant) { return this.ticked(constant) ? this.advice.filter((one) => one.event === constant) : []; },
    hints(constant) {
      const count = this.adviceOf(constant).length;
      return count === 1 ? "1 hint" : `${count} hints`;
    },
    async advise() {
      const asked = ++this.asked;
      const on = Object.values(this.rows).flat().filter((trigger) => trigger.is_enabled).map(plain);
      const ticked = on.map((one) => [one.event_type, one.action, one.target_object, one.delivery_mode]);
      const answer = await broker.post("advice", { ticked });
      if (answer.ok && asked === this.asked) this.advice = answer.data.advice;
    },

    // --- unsaved changes
    isChanged(constant) { return mark(this.rows[constant]) !== mark(this.stored[constant]); },
    changedOnes() { return constants.filter((constant) => this.isChanged(constant)); },
    isDirty() { return constants.some((constant) => this.isChanged(constant)); },
    told() {
      const count = this.changedOnes().length;
      if (!this.mayChange) return "You may look, not change.";
      if (!count) return this.sentence || "Everything is saved.";
      return count === 1 ? "1 event has unsaved changes." : `${count} events have unsaved changes.`;
    },
    discard() {
      this.rows = copy(this.stored);
      this.wasOn = {};
      this.clear();
      this.adviseSoon();
    },
    clear() { Object.assign(this, { problems: [], error: "", sentence: "", changes: [], comment: "", noting: false }); },

    // --- save
    async save() {
      this.saving = true;
      const triggers = constants.flatMap((constant) => worth(this.rows[constant])).map((trigger) => ({ key: trigger.key, ...plain(trigger) }));
      const answer = await broker.post("save", { version: this.version, triggers, comment: this.comment });
      this.saving = false;
      Object.assign(this, { problems: answer.problems, error: answer.error, changes: [], sentence: "" });
      if (!answer.ok) return this.$nextTick(() => this.problems.length && this.show(this.problems[0]));
      this.clear();
      this.take(answer.data);
      Object.assign(this, { sentence: answer.data.sentence, changes: answer.data.changes });
    },
    take(shown) {
      this.rows = grouped(copy(shown.triggers));
      this.stored = grouped(shown.triggers);
      Object.assign(this, { version: shown.version, advice: shown.advice, wasOn: {} });
    },
    isOvertaken() { return this.problems.some((one) => one.at === "version"); },
    /** Take what another person saved; events that were changed here keep what is on the page. */
    async takeOver() {
      this.saving = true;
      const answer = await broker.post("latest", {});
      this.saving = false;
      if (!answer.ok) return (this.error = answer.error);
      const mine = Object.fromEntries(this.changedOnes().map((constant) => [constant, this.rows[constant]]));
      const present = new Set(answer.data.triggers.map((trigger) => trigger.id));
      this.take(answer.data);
      for (const [constant, triggers] of Object.entries(mine)) {
        for (const trigger of triggers) if (!present.has(trigger.id)) trigger.id = null;
        this.rows[constant] = triggers;
      }
      Object.assign(this, { problems: [], error: "" });
      this.adviseSoon();
    },

    // --- problems
    problem(at) { return this.problems.filter((one) => one.at === at).map((one) => one.sentence).join(" "); },
    eventOf(one) {
      const key = one.at.split(".")[0];
      return constants.find((constant) => constant === key || this.rows[constant].some((trigger) => trigger.key === key)) || "";
    },
    where(one) { return events[this.eventOf(one)]?.name || ""; },
    /** What is typed anew is judged anew: at the next save. */
    forget(event) {
      const key = event.target.closest(".event-action")?.id.replace("action-", "");
      if (key && this.problems.length) this.problems = this.problems.filter((one) => one.at.split(".")[0] !== key);
    },
    show(one) {
      const constant = this.eventOf(one);
      if (!constant) return;
      Object.assign(this, { sought: "", onlyTicked: false });
      this.$dispatch("open-event", constant);
      setTimeout(() => focusOn(one.at.replace(".", "-")) || focusOn(`tick-${constant}`), 50);
    },
  }));

  /** One row. Its set-up is built when it is opened for the first time. */
  Alpine.data("eventRow", (constant) => ({
    constant,
    open: false,
    built: false,
    init() {
      this.$watch("open", () => this.build());
      window.addEventListener("open-event", (event) => { if (event.detail === constant) this.open = true; });
    },
    build() {
      if (this.built) return;
      this.built = true;
      this.$refs.setup.append(document.getElementById("event-setup").content.cloneNode(true));
    },
    toggle(on) {
      this.tick(constant, on);
      this.open = on;
    },
  }));

  function focusOn(id) {
    const found = document.getElementById(id);
    if (!found || !found.offsetParent) return false;
    found.scrollIntoView({ block: "center" }); // else the bar with the save button may cover it
    found.focus({ preventScroll: true });
    return document.activeElement === found;
  }
});
