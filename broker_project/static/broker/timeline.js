/* Copies what a button with data-copy holds, and says so on the button. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const words = button.lastElementChild;
  const before = button.dataset.words || words.textContent;
  button.dataset.words = before;
  words.textContent = (await copied(button.dataset.copy)) ? "Copied" : "Copying is not allowed here";
  setTimeout(() => (words.textContent = before), 2000);

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch (failure) {
      // without HTTPS there is no clipboard to write to, but a selection can still be copied
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  }
});
