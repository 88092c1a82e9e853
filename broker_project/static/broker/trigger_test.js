/* The test of an action: try it without sending, then send it for real and follow it. Names begin with "test": the
   page's own names stand in the same scope. */
document.addEventListener("alpine:init", () => {
  const EVERY_MS = 1000;
  const LONGEST_MS = 60_000;
  const STATES = { new: "new", changes: "changes", same: "same", kept: "stays" };
  const MARKS = { success: "is-good", warning: "is-held", danger: "is-bad" };
  const plain = (trigger) => {
    const { key, ...columns } = JSON.parse(JSON.stringify(trigger));
    return columns;
  };

  Alpine.data("triggerTest", () => ({
    testOpen: false,
    testKind: "",
    testRecent: [],
    testRecentId: "",
    testText: "",
    testReads: true,
    testBusy: false,
    testFound: null,
    testTried: "",
    testError: "",
    testProblems: [],
    testAsks: false,
    testEvent: "",
    testFollowed: null,
    testOver: "",

    destroy() { clearTimeout(this.testTimer); },
    async testToggle() {
      this.testOpen = !this.testOpen;
      if (!this.testOpen || this.testRecent.length) return;
      const answer = await broker.post("test_samples", { event_type: this.trigger.event_type });
      this.testRecent = answer.ok ? answer.data.recent : [];
      this.testRecentId = this.testRecent[0]?.id || "";
      const fits = this.testRecent[0]?.event_type === this.trigger.event_type;
      this.testKind ||= fits ? "recent" : "sample"; // unless one was chosen meanwhile
    },
    testLabel(one) {
      const when = new Date(one.received_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
      const other = one.event_type === this.trigger.event_type ? "" : `, came as ${one.event_type}`;
      return `Work order ${one.work_order}, ${when}${other}`;
    },
    testSource() {
      if (this.testKind === "recent") return { kind: "recent", id: this.testRecentId };
      return this.testKind === "paste" ? { kind: "paste", text: this.testText } : { kind: "sample" };
    },
    testAsked() { return JSON.stringify([plain(this.trigger), this.testSource()]); },

    async testRun() {
      Object.assign(this, { testBusy: true, testError: "", testProblems: [], testAsks: false, testEvent: "", testFollowed: null });
      const tried = this.testAsked();
      const answer = await broker.post("test_run", { trigger: plain(this.trigger), source: this.testSource(), read: this.testReads });
      Object.assign(this, { testBusy: false, testError: answer.error, testProblems: answer.problems, testTried: tried, testFound: answer.ok ? answer.data : null });
      this.$nextTick(() => this.$root.querySelector(".test-result")?.focus());
    },
    /** Whether the result is about what stands on the page now. */
    testIsFresh() { return this.testFound && this.testTried === this.testAsked(); },
    testState(state) { return STATES[state] || state; },
    testHeadline() {
      const found = this.testFound;
      if (found.failure) return "It would fail.";
      if (!found.matched) return "Nothing would be sent: the filter leaves this work order out. Below is what would happen without it.";
      return found.requests.length === 1 ? "1 request would be sent." : found.requests.length ? `${found.requests.length} requests would be sent.` : "No request would be sent.";
    },
    testDifferenceHint() {
      const found = this.testFound;
      if (!found.external_id) return "The work order is not linked to a record yet, so there is nothing to compare with.";
      if (found.was_read) return `Record ${found.external_id}, read just now.`;
      return this.testReads ? `Record ${found.external_id} could not be read.` : `Record ${found.external_id} was not read; switch the comparison on to see what it holds.`;
    },
    testMayAsk() { return this.testFound.may_send && this.testIsFresh() && this.testFound.can_send && !this.isDirty(); },
    testWhyNot() {
      if (!this.testFound.may_send) return "To send it for real, you need the permission to change connectors.";
      if (!this.testIsFresh()) return "Something was changed since; run the test again.";
      return "Only what is saved can be sent for real. Save your changes, then test again.";
    },

    // --- for real
    async testSend() {
      this.testBusy = true;
      const answer = await broker.post("test_send", { trigger: plain(this.trigger), source: this.testSource() });
      Object.assign(this, { testBusy: false, testAsks: false, testError: answer.error, testProblems: answer.problems });
      if (!answer.ok) return;
      Object.assign(this, { testEvent: answer.data.event, testFollowed: null, testOver: "", testUntil: Date.now() + LONGEST_MS });
      this.testFollow();
    },
    async testFollow() {
      const event = this.testEvent;
      const answer = await broker.post("test_follow", { event });
      if (event !== this.testEvent) return;
      this.testError = answer.error;
      if (answer.ok) this.testFollowed = answer.data;
      if (!answer.ok || answer.data.ended) return;
      if (Date.now() > this.testUntil) return (this.testOver = "It has not ended within a minute. The delivery's page tells how it goes on.");
      this.testTimer = setTimeout(() => this.testFollow(), EVERY_MS);
    },
    testMark(kind) { return MARKS[kind] || ""; },
  }));
});
