/* A JSONNET editor: colours and line numbers behind a real textarea, and the error on its line after a pause in typing.
   Alpine: x-data="scriptEditor({name, disabled, check})" x-modelable="text" with the refs area, colours and lines;
   `check` is the act that compiles {script, name} and answers {line, sentence}. See broker/connector/triggers/script.html. */
document.addEventListener("alpine:init", () => {
  const KINDS = [
    ["comment", String.raw`\/\/[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`],
    ["text", String.raw`\|\|\|[\s\S]*?(?:\|\|\||$)|@"(?:[^"]|"")*(?:"|$)|@'(?:[^']|'')*(?:'|$)|"(?:\\[\s\S]|[^"\\])*(?:"|$)|'(?:\\[\s\S]|[^'\\])*(?:'|$)`],
    ["number", String.raw`\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b`],
    ["word", String.raw`\b(?:assert|else|error|for|function|if|import|importstr|in|local|self|super|tailstrict|then)\b`],
    ["constant", String.raw`\b(?:true|false|null)\b`],
    ["known", String.raw`\$(?:\.(?:input|util)\b)?|\bstd\b`],
    ["call", String.raw`\b[A-Za-z_]\w*(?=\s*\()`],
  ];
  const PARTS = new RegExp(KINDS.map(([kind, pattern]) => `(?<${kind}>${pattern})`).join("|"), "g");

  /** The script as nodes: spans with a class for what has a colour. */
  function coloured(script) {
    const nodes = document.createDocumentFragment();
    let end = 0;
    for (const found of script.matchAll(PARTS)) {
      nodes.append(script.slice(end, found.index));
      const span = document.createElement("span");
      span.className = `script-${Object.keys(found.groups).find((kind) => found.groups[kind] !== undefined)}`;
      span.textContent = found[0];
      nodes.append(span);
      end = found.index + found[0].length;
    }
    nodes.append(script.slice(end), "\n");
    return nodes;
  }

  Alpine.data("scriptEditor", ({ name = "script", check = "check_script", disabled = false } = {}) => ({
    text: "",
    line: 0,
    sentence: "",
    checked: false,
    leaving: false,
    request: null,
    init() {
      const soon = broker.debounced(() => this.compile(), 400);
      this.draw();
      this.$watch("text", () => {
        this.draw();
        soon();
      });
      if (this.text) this.compile();
    },
    destroy() { this.request?.abort(); },
    draw() {
      this.$refs.colours.replaceChildren(coloured(this.text));
      const count = this.text.split("\n").length;
      this.$refs.lines.replaceChildren(...Array.from({ length: count }, (_, index) => {
        const number = document.createElement("div");
        number.textContent = index + 1;
        number.classList.toggle("is-bad", index + 1 === this.line);
        return number;
      }));
      this.$refs.area.rows = Math.min(Math.max(count, 6), 24);
      this.follow();
    },
    follow() {
      const { scrollTop, scrollLeft } = this.$refs.area;
      this.$refs.colours.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
      for (const number of this.$refs.lines.children) number.style.transform = `translateY(${-scrollTop}px)`;
    },
    /** Tab indents, unless Escape was pressed just before. */
    indent(event) {
      if (event.shiftKey || this.leaving) return;
      event.preventDefault();
      if (!document.execCommand("insertText", false, "  ")) {
        this.$refs.area.setRangeText("  ", this.$refs.area.selectionStart, this.$refs.area.selectionEnd, "end");
        this.$refs.area.dispatchEvent(new Event("input", { bubbles: true }));
      }
    },
    released(event) { this.leaving = event.key === "Escape" || (this.leaving && event.key === "Tab"); },
    async compile() {
      if (disabled) return;
      this.request?.abort();
      if (!this.text.trim()) return this.tell({ line: "", sentence: "" }, false);
      this.request = new AbortController();
      const answer = await broker.post(check, { script: this.text, name }, { signal: this.request.signal });
      if (answer.aborted) return;
      if (!answer.ok) return this.tell({ line: "", sentence: answer.error || answer.problems[0]?.sentence }, false);
      this.tell(answer.data, true);
    },
    tell({ line, sentence }, checked) {
      Object.assign(this, { line: Number(line) || 0, sentence: sentence || "", checked });
      this.draw();
    },
    told() {
      if (this.sentence) return this.sentence;
      return this.checked ? "It compiles." : "It is checked as you type.";
    },
  }));
});
