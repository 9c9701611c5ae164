// The page: ask, watch the answer come in, open its evidence, say whether it was accepted.

import { answerInto, claim, evidenceInto, pending, sighted } from "./render.js";
import { ask, reason } from "./stream.js";

const byId = (id) => document.getElementById(id);
const [form, question, send, status, answer, viewer] = ["ask", "question", "send", "status", "answer", "viewer"].map(byId);
let running = null;
let conversation = "new";

function say(text, kind = "") {
  status.textContent = text;
  status.className = kind;
}

function utc(id) {
  const value = byId(id).value;
  return value ? `${value.length === 16 ? `${value}:00` : value}Z` : undefined;
}

function leanOn(id) {
  conversation = id || "new";
  byId("leaning").hidden = conversation === "new";
}

const asDataUri = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

async function open(id) {
  const response = await fetch(`/v1/evidence/${encodeURIComponent(id)}`);
  if (!response.ok) return say(await reason(response), "error");
  evidenceInto(viewer, await response.json());
  viewer.showModal();
}

async function rate(id, accepted, said) {
  const response = await fetch("/v1/feedback", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ answer: id, accepted }),
  });
  said.textContent = response.ok ? "Thank you, noted." : await reason(response);
}

function follow(list) {
  return (name, data) => {
    if (name === "plan") say("Looking for evidence", "busy");
    else if (name === "evidence") say("Reading the evidence", "busy");
    else if (name === "claim") list.append(claim(data, open));
    else if (name === "sighting") sighted(list, data, open);
    else if (name === "answer") {
      answerInto(answer, data, open, rate);
      leanOn(data.conversation);
    }
  };
}

async function submit() {
  const text = question.value.trim();
  if (!text) return;
  running?.abort();
  const mine = (running = new AbortController());
  send.disabled = true;
  answer.hidden = false;
  say("Asking", "busy");
  try {
    const pictures = await Promise.all([...byId("pictures").files].map(asDataUri));
    mine.signal.throwIfAborted();
    const body = { question: text, asked_at: utc("asked_at"), as_of: utc("as_of"), pictures, conversation };
    await ask(body, follow(pending(answer, text)), mine.signal);
    // they were this question's: a follow-up that carried them would be a search by picture
    byId("pictures").value = "";
    say("");
    answer.focus();
  } catch (error) {
    // a question that was asked over this one has the page now
    if (running !== mine) return;
    answer.hidden = true;
    if (error.code === "conversation_not_found") leanOn("new");
    say(mine.signal.aborted ? "Stopped." : error.message, mine.signal.aborted ? "" : "error");
  } finally {
    if (running === mine) {
      running = null;
      send.disabled = false;
    }
  }
}

async function health() {
  const line = byId("health");
  try {
    const found = await (await fetch("/v1/health")).json();
    const failed = found.checks.filter((check) => check.state === "failed").map((check) => `${check.name}: ${check.detail}`);
    line.textContent = [...failed, ...found.degraded].join(" · ") || "Everything is up.";
  } catch {
    line.textContent = "The server does not answer.";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea");
  if (event.key === "/" && !typing && !viewer.open) {
    event.preventDefault();
    question.focus();
  } else if (event.key === "Escape" && !viewer.open) running?.abort();
});
byId("anew").addEventListener("click", () => {
  leanOn("new");
  answer.hidden = true;
  question.focus();
});
function openNamed() {
  const id = decodeURIComponent(location.hash.slice(1));
  if (/^ev_[\w-]+$/.test(id)) open(id);
}
window.addEventListener("hashchange", openNamed);
openNamed();
health();
question.focus();
