// The Help Desk's page: tickets by latest change, a form to create, a form in each card to change.
"use strict";
import {ago, cards, el, fact, follow, send} from "/ui/page.js";

const FACTS = [
  ["technician", "Technician"], ["work_order_id", "Work order"], ["scheduled_start", "Scheduled"], ["amount", "Amount"],
  ["priority", "Priority"], ["correlation", "Correlation"], ["version", "Version"],
];
let choices = {};
let canSend = false;

function readable(name, value) {
  if (name === "scheduled_start" && value) return value.replace("T", " ").replace(/:\d\d(\.\d+)?(Z|[+-])/, " $2").replace("Z", "UTC");
  if (name === "amount") return value ? `$${Number(value).toFixed(2)}` : "";
  return value;
}

function described(change) {
  const parts = Object.entries(change.fields).map(([name, [before, after]]) => {
    if (name === "id") return "created";
    if (name === "notes") return "note added";
    return before === "" || before === 0 ? `${name.replaceAll("_", " ")} set to ${after === "" ? "nothing" : after}`
      : `${name.replaceAll("_", " ")} ${before} → ${after === "" ? "nothing" : after}`;
  });
  const text = parts.join(", ");
  return `${change.by === "API" ? "By API" : "By a person"}, ${ago(change.at)}: ${text.length > 220 ? text.slice(0, 220) + "…" : text}`;
}

function chooser(name) {
  return el("select", {name}, ...choices[name].map((text) => el("option", {value: text, textContent: text})));
}

function field(label, control, wide = false) {
  return el("label", {class: wide ? "wide" : ""}, label, control);
}

/** A form that sends its fields to `path` and then calls `done`. */
function form(path, fields, button, done) {
  const error = el("p", {class: "error", role: "alert"});
  const node = el("form", {hidden: true, async onsubmit(event) {
    event.preventDefault();
    error.textContent = "";
    try {
      await send(path, Object.fromEntries([...new FormData(node)].filter(([name]) => node.elements[name].dataset.was !== node.elements[name].value)));
      document.activeElement.blur();
      done(node);
      await refresh();
    } catch (failure) { error.textContent = failure.message; }
  }}, ...fields, error, el("div", {class: "actions"},
    el("button", {type: "submit", class: "main", textContent: button}),
    el("button", {type: "button", textContent: "Cancel", onclick: () => done(node)})));
  return node;
}

function makeCard({ticket}) {
  const subject = el("span", {class: "subject"}), status = el("span", {class: "pill"});
  const about = el("p", {class: "about"}), notes = el("div", {class: "notes"});
  const change = el("p", {class: "change"}), result = el("span", {class: "result", role: "status"});
  const facts = FACTS.map(([name, label]) => [name, fact(label)]);
  const edit = el("button", {type: "button", textContent: "Change", onclick: open});
  const push = el("button", {type: "button", textContent: "Send to Field Nation", async onclick() {
    try { await send(`/ui/tickets/${ticket.id}/send`, {}); await refresh(); }
    catch (failure) { result.textContent = failure.message; result.className = "result bad"; }
  }});
  const editor = form(`/ui/tickets/${ticket.id}`, [
    field("Subject", el("input", {name: "subject", maxLength: 255, required: true}), true),
    field("Status", chooser("status")), field("Priority", chooser("priority")),
  ], "Save", close);
  function open() {
    for (const name of ["subject", "status", "priority"]) {
      editor.elements[name].value = ticket[name];
      editor.elements[name].dataset.was = ticket[name]; // only what the person changes is sent
    }
    editor.hidden = false;
    edit.disabled = true;
    editor.elements.subject.focus();
  }
  function close() { editor.hidden = true; edit.disabled = false; }
  const node = el("article", {class: "card"},
    el("div", {class: "top"}, el("span", {class: "number", textContent: `#${ticket.id}`}), subject, status),
    about, el("dl", {class: "facts"}, ...facts.map(([, one]) => one.box)), notes, change,
    el("div", {class: "actions"}, edit, push, result), editor);

  function update(row) {
    ticket = row.ticket;
    const changed = row.change.fields;
    subject.textContent = ticket.subject;
    subject.classList.toggle("changed", "subject" in changed);
    status.textContent = ticket.status;
    status.classList.toggle("changed", "status" in changed);
    const place = [ticket.street, ticket.city, [ticket.state, ticket.zip].filter(Boolean).join(" ")].filter(Boolean).join(", ");
    about.textContent = [ticket.description.slice(0, 300), [ticket.requester, place].filter(Boolean).join(" · ")].filter(Boolean).join("\n");
    for (const [name, one] of facts) one.set(readable(name, ticket[name]), name in changed);
    notes.replaceChildren(...row.notes.slice(-4).map((note, place, shown) => el("p",
      {class: "notes" in changed && place === shown.length - 1 ? "changed" : ""},
      el("b", {textContent: note.author ? `${note.author}: ` : "Note: "}), note.text)));
    change.textContent = described(row.change);
    push.disabled = !canSend;
    push.title = canSend ? "" : "No trigger URL is set.";
    if (row.trigger) {
      result.textContent = `${row.trigger.result}, ${ago(row.trigger.at)}`;
      result.className = row.trigger.result.startsWith("failed") ? "result bad" : row.trigger.result === "sent" ? "result good" : "result";
    }
  }
  return {node, update};
}

const show = cards(document.getElementById("list"), makeCard);
const creator = document.getElementById("creator"), opener = document.getElementById("new");

function setUpCreator() {
  const text = (name, label, wide = false) => field(label, el("input", {name, maxLength: 255}), wide);
  const subject = el("input", {name: "subject", maxLength: 255, required: true});
  const node = form("/ui/tickets", [
    field("Subject", subject, true), field("Description", el("textarea", {name: "description"}), true),
    field("Priority", chooser("priority")), text("requester", "Requester"), text("street", "Street"), text("city", "City"),
    text("state", "State"), text("zip", "ZIP code"), text("country", "Country"),
  ], "Create ticket", close);
  node.elements.priority.value = "Normal";
  node.elements.country.value = "US";
  creator.append(el("b", {textContent: "New ticket"}), node);
  function close() { creator.hidden = node.hidden = true; opener.setAttribute("aria-expanded", "false"); node.elements.subject.value = node.elements.description.value = ""; opener.focus(); }
  opener.onclick = () => { creator.hidden = node.hidden = false; opener.setAttribute("aria-expanded", "true"); subject.focus(); };
}

const refresh = follow((state) => {
  if (!choices.status) { choices = state.choices; setUpCreator(); }
  canSend = Boolean(state.settings.trigger_url);
  document.getElementById("count").textContent = state.total === 1 ? "1 ticket" : `${state.total} tickets`;
  document.getElementById("link").textContent = canSend
    ? `Connected to the broker; ${state.settings.auto_send ? "changes made here are sent by themselves" : "changes made here are sent by button"}.`
    : "Not connected to the broker: no trigger URL is set.";
  document.getElementById("empty").hidden = state.total > 0;
  show(state.tickets, (row) => row.ticket.id, (row) => row.change.at);
});
