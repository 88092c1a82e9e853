/* The History page: a version's whole text, two versions side by side, the way back. */
document.addEventListener("alpine:init", () => {
  Alpine.data("versions", () => {
    const { version, newest } = broker.state();
    const said = (answer) => answer.error || answer.problems.map((problem) => problem.sentence).join(" ");
    return {
      busy: false, old: Math.max(1, newest - 1), now: newest, compared: null, compareProblem: "",
      opened: 0, whole: "", asked: null, problem: null,

      async call(act, data) {
        this.busy = true;
        this.problem = null;
        const answer = await broker.post(act, data);
        this.busy = false;
        return answer;
      },

      async compare() {
        this.compared = null;
        this.compareProblem = "";
        const { old, now } = this;
        const answer = await this.call("compare", { old, new: now });
        if (!answer.ok) { this.compareProblem = said(answer); return; }
        const title = answer.data.changes.length ? `What version ${now} changes against version ${old}:` : `Versions ${old} and ${now} are equal.`;
        this.compared = { ...answer.data, title };
      },

      async toggle(number) {
        this.opened = this.opened === number ? 0 : number;
        this.whole = "";
        if (!this.opened) return;
        const answer = await this.call("snapshot", { number });
        if (answer.ok && this.opened === number) this.whole = answer.data.text;
        if (!answer.ok) this.fail(number, answer);
      },

      async ask(number) {
        if (this.asked?.number === number) { this.asked = null; return; }
        const answer = await this.call("ask", { number });
        if (!answer.ok) { this.fail(number, answer); return; }
        this.asked = { number, ...answer.data };
        await this.$nextTick();
        broker.show(document.querySelector(`#ask-${number} [data-ask]`));
      },

      keep() {
        const { number } = this.asked;
        this.asked = null;
        document.getElementById(`back-${number}`).focus();
      },

      async goBack() {
        const { number } = this.asked;
        const answer = await this.call("roll-back", { number, version });
        if (answer.ok) window.location.assign(window.location.pathname);
        else this.fail(number, answer);
      },

      fail(number, answer) {
        this.opened = 0;
        this.problem = { number, sentence: said(answer) };
      },
    };
  });
});
