/* The Import page: read a file, show what it would change, then change it. */
document.addEventListener("alpine:init", () => {
  Alpine.data("configurationImport", () => ({
    text: "", busy: false, seen: null, problems: [], done: "",

    async read(file) {
      if (!file) return;
      this.text = file.size > 4 * 1024 * 1024 ? "" : await file.text();
      this.seen = null;
      this.problems = this.text ? [] : ["The file is empty, or larger than a configuration can be."];
      if (this.text) await this.preview();
    },

    async call(act) {
      this.busy = true;
      this.problems = [];
      this.done = "";
      const answer = await broker.post(act, { text: this.text, version: this.seen?.version });
      this.busy = false;
      if (!answer.ok) this.problems = answer.error ? [answer.error] : answer.problems.map((problem) => problem.sentence);
      return answer;
    },

    async preview() {
      this.seen = null;
      const answer = await this.call("preview");
      if (answer.ok) this.seen = answer.data;
    },

    async apply() {
      const answer = await this.call("apply");
      this.seen = null;
      if (answer.ok) this.done = `Imported. The connector runs with version ${answer.data.version} now; the History tab has the one before.`;
    },
  }));
});
