/* The Trigger URL page: show and copy an address, renew the token, sync one record and follow it. */
document.addEventListener("alpine:init", () => {
  Alpine.data("triggerUrl", () => {
    const said = (answer) => answer.error || answer.problems.map((problem) => problem.sentence).join(" ");
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const LONGEST_WAIT = 5000;
    const LOOKS = 60;
    return {
      ...broker.state(),
      busy: false, copied: "", asking: false, tokenSaid: "", tokenProblem: "",
      externalId: "", syncing: false, syncProblem: "", followed: null,

      label(id) { return this.copied === id ? "Copied" : this.isShown ? "Copy" : "Show and copy"; },

      async copy(id) {
        if (!this.isShown && !(await this.token("reveal", ""))) return;
        await this.$nextTick();
        const field = document.getElementById(id);
        field.select();
        try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
        this.copied = id;
        setTimeout(() => { if (this.copied === id) this.copied = ""; }, 2000);
      },

      async token(act, sentence) {
        this.busy = true;
        this.tokenSaid = this.tokenProblem = "";
        const answer = await broker.post(act, {});
        this.busy = this.asking = false;
        if (!answer.ok) { this.tokenProblem = said(answer); return false; }
        Object.assign(this, answer.data);
        this.tokenSaid = sentence;
        return true;
      },
      renew() { return this.token("renew", "The addresses above have the new token."); },
      endOld() { return this.token("end-old", "The old token is refused from now on."); },

      async again() {
        this.busy = true;
        const answer = await broker.post("calls", {});
        this.busy = false;
        if (answer.ok) Object.assign(this, answer.data);
      },

      async sync() {
        this.syncProblem = "";
        this.followed = null;
        this.syncing = true;
        let answer = await broker.post("sync", { external_id: this.externalId });
        const event = answer.data.event;
        for (let look = 1; answer.ok; look++) {
          this.followed = answer.data;
          if (answer.data.isOver || look > LOOKS) break;
          await pause(Math.min(400 * look, LONGEST_WAIT));
          answer = await broker.post("follow", { event });
        }
        if (!answer.ok) this.syncProblem = said(answer);
        this.syncing = false;
      },
    };
  });
});
