/* A combobox over fields: type to narrow, arrows to choose, any other path may stay. */
document.addEventListener("alpine:init", () => {
  const MOST = 60;

  /** Paths that begin with the word come first, then those of which a step does. */
  function rank(path, word) {
    const place = path.toLowerCase().indexOf(word);
    return place === 0 ? 0 : path[place - 1] === "." ? 1 : 2;
  }

  /** `read` and `write` the path; `options` gives [{path, label, type, required, readonly, custom, choices, note, sample}]. */
  Alpine.data("fieldPicker", (read, write, options) => ({
    isOpen: false,
    narrows: false,
    active: -1,

    text() {
      return read();
    },
    matches() {
      if (!this.isOpen) return [];
      const words = this.narrows ? read().toLowerCase().split(/\s+/).filter(Boolean) : [];
      const found = options().filter((field) => words.every((word) => `${field.path} ${field.label}`.toLowerCase().includes(word)));
      if (words.length) found.sort((one, other) => rank(one.path, words[0]) - rank(other.path, words[0]));
      return found.slice(0, MOST);
    },
    open() {
      this.isOpen = true;
      this.narrows = false;
      this.active = -1;
    },
    close() {
      this.isOpen = false;
      this.active = -1;
    },
    typed(text) {
      write(text);
      this.isOpen = this.narrows = true;
      this.active = -1;
    },
    choose(field) {
      write(field.path, field);
      this.close();
    },
    leave() {
      this.close();
    },
    key(event) {
      const found = this.matches();
      if (event.key === "Escape" && this.isOpen) {
        event.stopPropagation();
        this.close();
      } else if (event.key === "Enter" && this.isOpen) {
        event.preventDefault();
        if (found[this.active]) this.choose(found[this.active]);
        else this.close();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (!this.isOpen) return this.open();
        const step = event.key === "ArrowDown" ? 1 : -1;
        this.active = found.length ? (this.active + step + found.length + (this.active < 0 && step < 0 ? 1 : 0)) % found.length : -1;
        this.$nextTick(() => this.$refs.list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
      }
    },
    /** What is known about the path that is entered. */
    about() {
      const path = read().replace(/^workorder\./, "");
      const field = path && options().find((one) => one.path === path);
      if (!field) return "";
      const facts = [field.type, field.required && "required", field.readonly && "read-only", field.custom && "custom field"];
      const values = field.choices.length ? `Values: ${field.choices.slice(0, 6).map((one) => one[0]).join(", ")}${field.choices.length > 6 ? " …" : "."}` : "";
      return [`${field.label} (${facts.filter(Boolean).join(", ")}).`, values, field.note].filter(Boolean).join(" ");
    },
  }));
});
