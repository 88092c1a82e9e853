/* What the scripts of all connector pages share: posting JSON, waiting for a pause in typing, unsaved changes. */
window.broker = (() => {
  const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value || cookie("csrftoken");
  const cookie = (name) => (document.cookie.split("; ").find((part) => part.startsWith(name + "=")) || "").slice(name.length + 1);

  /** The JSON that the template gave to this page. */
  const state = () => JSON.parse(document.getElementById("page-state").textContent);

  /** Post `data` to an act of this page. Gives {ok, data, problems, error}: `error` is a sentence, also when the network fails. */
  async function post(act, data, { signal } = {}) {
    const address = act.startsWith("/") ? act : window.location.pathname.replace(/\/?$/, "/") + act + "/";
    try {
      const answer = await fetch(address, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
        body: JSON.stringify(data),
        signal,
      });
      const told = await answer.json().catch(() => ({}));
      if (answer.ok) showVersion(told.version);
      if (answer.ok) return { ok: true, data: told, problems: [], error: "" };
      const error = told.error || (told.problems ? "" : `The server answered ${answer.status}. Load the page again; nothing was saved.`);
      return { ok: false, data: told, problems: told.problems || [], error };
    } catch (failure) {
      if (failure.name === "AbortError") return { ok: false, aborted: true, data: {}, problems: [], error: "" };
      return { ok: false, data: {}, problems: [], error: "The server cannot be reached. Your changes are still here; try again." };
    }
  }

  /** The header names the newest version, also when it was made by this page. */
  function showVersion(number) {
    const shown = document.querySelector("[data-version]");
    if (!shown || !Number.isInteger(number) || number <= Number(shown.dataset.version)) return;
    shown.dataset.version = number;
    shown.textContent = `version ${number}`;
    document.querySelector("[data-version-by]").textContent = ", just saved";
  }

  /** `work` once `wait` ms have passed without another call. */
  function debounced(work, wait = 300) {
    let timer;
    return (...words) => {
      clearTimeout(timer);
      timer = setTimeout(() => work(...words), wait);
    };
  }

  /** Warn before leaving while `isDirty()`. */
  function guard(isDirty) {
    window.addEventListener("beforeunload", (event) => {
      if (isDirty()) event.preventDefault();
    });
  }

  /** When what x-show shows is there: Alpine shows it in the next frame, which may come after its own $nextTick. */
  function drawn() {
    const frame = document.visibilityState === "visible" ? requestAnimationFrame : setTimeout;
    return new Promise((done) => { setTimeout(() => frame(() => frame(done))); });
  }

  /** Bring what has just come onto the page to where the person looks, and read it out: `part` takes the focus. */
  function show(part) {
    part.focus({ preventScroll: true });
    const { height } = part.getBoundingClientRect();
    part.scrollIntoView({ block: height < window.innerHeight * 0.8 ? "center" : "start" });
  }

  return { state, post, debounced, guard, drawn, show };
})();
