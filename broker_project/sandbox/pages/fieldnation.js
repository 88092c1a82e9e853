// The Field Nation page: work orders by latest change, and buttons that act for the manager or the provider.
"use strict";
import {ago, cards, el, fact, follow, send} from "/ui/page.js";

// Which buttons a status offers: action, label, and what to ask for first.
const BUTTONS = {
  Draft: [["publish", "Publish"], ["cancel", "Delete"]],
  Published: [["assign", "Assign"], ["schedule", "A day later"], ["cancel", "Cancel"]],
  Routed: [["assign", "Assign"], ["schedule", "A day later"], ["cancel", "Cancel"]],
  Assigned: [
    ["confirm", "Confirm"], ["on_my_way", "On my way"], ["check_in", "Check in"], ["check_out", "Check out"],
    ["work_done", "Work done", ["closing_notes", "Closing notes"]], ["schedule", "A day later"], ["cancel", "Cancel"],
  ],
  "Work Done": [["approve", "Approve"], ["incomplete", "Not complete"]],
  Approved: [["pay", "Pay"]],
};
const MESSAGE = ["message", "Message", ["message", "Message"]];
const MAIN = new Set(["publish", "assign", "work_done", "approve"]);
const CHANGED = {title: "title", status: "status", assignee: "assignee", start: "schedule", pay: "pay", incident_id: "incident_id"};

function makeCard(row) {
  const id = row.id;
  const subject = el("span", {class: "subject"}), status = el("span", {class: "pill"});
  const facts = {
    assignee: fact("Provider"), start: fact("Scheduled"), place: fact("Place"), pay: fact("Pay"),
    incident_id: fact("Incident id"), custom: fact("Custom fields"), delivery: fact("Last webhook"),
  };
  const notes = el("div", {class: "notes"}), change = el("p", {class: "change"}), error = el("p", {class: "error", role: "alert"});
  const actions = el("div", {class: "actions"}), asker = el("form", {hidden: true, onsubmit: answer});
  const text = el("textarea", {name: "text", required: true}), label = el("label", {class: "wide"});
  let asked = null, shownFor = "";
  asker.append(label, el("div", {class: "actions"}, el("button", {type: "submit", class: "main", textContent: "Send"}),
    el("button", {type: "button", textContent: "Cancel", onclick: () => { asker.hidden = true; }})));

  async function act(action, facts = {}) {
    error.textContent = "";
    try { await send("/ui/act", {action, work_order_id: id, ...facts}); await refresh(); }
    catch (failure) { error.textContent = failure.message; }
  }
  function ask(action, [name, title]) {
    asked = {action, name};
    label.replaceChildren(title, text);
    text.value = "";
    text.required = name === "message";
    asker.hidden = false;
    text.focus();
  }
  function answer(event) {
    event.preventDefault();
    asker.hidden = true;
    text.blur();
    act(asked.action, {[asked.name]: text.value});
  }
  const node = el("article", {class: "card", id: String(id)},
    el("div", {class: "top"}, el("span", {class: "number", textContent: `WO ${id}`}), subject, status),
    el("dl", {class: "facts"}, ...Object.values(facts).map((one) => one.box)), notes, change, actions, error, asker);

  function update(row) {
    const changed = new Set(row.change?.fields ?? []);
    subject.textContent = row.title;
    subject.classList.toggle("changed", changed.has("title"));
    status.textContent = row.sub_status ? `${row.status} · ${row.sub_status}` : row.status;
    status.classList.toggle("changed", changed.has("status"));
    const start = row.start.date ? `${row.start.date} ${row.start.time.slice(0, 5)} ${row.zone}` : "";
    const values = {...row, start, pay: row.pay ? `$${row.pay.toFixed(2)}` : ""};
    for (const name of ["assignee", "start", "place", "pay", "incident_id"]) {
      facts[name].set(values[name], changed.has(CHANGED[name] ?? "location"));
    }
    facts.custom.set(row.custom_fields.map((field) => `${field.name}: ${field.value}`).join(", "), changed.has("custom_fields"));
    const sent = row.delivery;
    facts.delivery.set(sent && `${sent.eventName.replace("workorder.", "")} → ${sent.deliveryStatus === "0" ? "no answer" : sent.deliveryStatus}`
      + (sent.deliveryAttempt > 1 ? ` (attempt ${sent.deliveryAttempt})` : ""), false);
    notes.replaceChildren(...row.messages.map((message, place) => el("p",
      {class: changed.has("messages") && place === row.messages.length - 1 ? "changed" : ""},
      el("b", {textContent: `${message.from}: `}), message.text)));
    if (row.closing_notes) notes.append(el("p", {}, el("b", {textContent: "Closing notes: "}), row.closing_notes));
    change.textContent = row.change ? `By ${row.change.by}, ${ago(row.change.at)}: ${row.change.fields.map((name) => name.replaceAll("_", " ")).join(", ")}` : "";
    if (shownFor !== row.status) {
      shownFor = row.status;
      const offered = BUTTONS[row.status] ? [...BUTTONS[row.status], MESSAGE] : [];
      actions.replaceChildren(...offered.map(([action, title, question]) => el("button", {
        type: "button", textContent: title, class: MAIN.has(action) ? "main" : "",
        onclick: () => question ? ask(action, question) : act(action),
      })));
    }
  }
  return {node, update};
}

const show = cards(document.getElementById("list"), makeCard);

function webhooks(list) {
  const active = list.filter((hook) => hook.status === "active");
  if (!active.length) return "No active webhook: nobody is told about changes.";
  return active.map((hook) => `Webhook for ${hook.events} of ${hook.of} events to ${new URL(hook.url).host}`).join("; ") + ".";
}

const refresh = follow((state) => {
  document.getElementById("count").textContent = state.total === 1 ? "1 work order" : `${state.total} work orders`;
  document.getElementById("link").textContent = webhooks(state.webhooks);
  document.getElementById("empty").hidden = state.total > 0;
  show(state.work_orders, (row) => row.id, (row) => row.mark);
});

document.getElementById("new").onclick = async () => {
  const error = document.getElementById("error");
  error.textContent = "";
  try { await send("/ui/act", {action: "create", publish: true}); await refresh(); }
  catch (failure) { error.textContent = failure.message; }
};
