// The timeline as a picture: what happened, one lane a kind, and what was looked at, one lane a source, gaps hatched.

import { svg } from "./dom.js";
import { span } from "./words.js";

const WIDTH = 900;
const LEFT = 150;
const LANE = 26;
const TOP = 28;

const ms = (text) => Date.parse(text);

/** Lanes of {name, items: [{start, end, label, shape, evidence}]}, events first. */
export function lanes(answer) {
  const found = new Map();
  const add = (name, valid, shape, label, evidence) => {
    if (!valid) return;
    if (!found.has(name)) found.set(name, []);
    found.get(name).push({ start: ms(valid.start), end: ms(valid.end), shape, label, evidence });
  };
  for (const item of answer.timeline) add(item.kind, item.valid, "event", `${span(item.valid)}: ${item.text}`, item.evidence);
  for (const note of answer.coverage) add(note.subject, note.valid, note.status, `${span(note.valid)}: ${note.text}`);
  return [...found].map(([name, items]) => ({ name, items }));
}

/** The span of time drawn: everything that happened and was looked at, with a little room on both sides. */
export function bounds(rows) {
  const items = rows.flatMap((row) => row.items);
  const first = Math.min(...items.map((item) => item.start));
  const last = Math.max(...items.map((item) => item.end));
  const room = Math.max((last - first) * 0.03, 1000);
  return [first - room, last + room];
}

// Seconds between ticks: those that people count in.
const STEPS = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];

/** Round times (UTC) inside the span, eight at most unless it is longer than eight times 30 days. */
export function ticks(first, last) {
  const step = 1000 * (STEPS.find((seconds) => (last - first) / (1000 * seconds) <= 8) ?? Math.ceil((last - first) / 8000));
  const found = [];
  for (let time = Math.ceil(first / step) * step; time <= last; time += step) found.push(time);
  return found;
}

function tickText(time, wide) {
  const text = new Date(time).toISOString();
  return wide ? text.slice(5, 16).replace("T", " ") : text.slice(11, 19);
}

function mark(item, x, y, open) {
  const [from, to] = [x(item.start), x(item.end)];
  const known = ["examined", "recorded", "gap", "event"].includes(item.shape) ? item.shape : "recorded";
  const title = svg("title", {}, item.label);
  const common = { class: known };
  if (item.evidence) Object.assign(common, { tabindex: 0, role: "button", onclick: () => open(item.evidence), onkeydown: (event) => event.key === "Enter" && open(item.evidence) });
  if (known === "event" && to - from < 8) return svg("circle", { ...common, cx: (from + to) / 2, cy: y + LANE / 2, r: 6 }, title);
  return svg("rect", { ...common, x: from, y: y + 5, width: Math.max(3, to - from), height: LANE - 10, rx: 3 }, title);
}

function hatch() {
  const stripe = svg("line", { class: "stripe", x1: 0, y1: 0, x2: 0, y2: 8 });
  return svg("defs", {}, svg("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, stripe));
}

/** An svg element, or null when nothing has a time. `open(id)` is called for an event that is chosen. */
export function draw(answer, open) {
  const rows = lanes(answer);
  if (!rows.length) return null;
  const [first, last] = bounds(rows);
  const x = (time) => LEFT + ((time - first) / (last - first)) * (WIDTH - LEFT - 10);
  const height = TOP + rows.length * LANE + 6;
  const picture = svg("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": "Timeline" }, hatch());
  for (const time of ticks(first, last)) {
    picture.append(svg("line", { class: "axis", x1: x(time), x2: x(time), y1: TOP - 6, y2: height }));
    picture.append(svg("text", { x: x(time), y: 14, "text-anchor": "middle" }, tickText(time, last - first > 72e6)));
  }
  rows.forEach((row, index) => {
    const y = TOP + index * LANE;
    picture.append(svg("text", { x: 0, y: y + LANE / 2 + 4 }, row.name.slice(0, 20), svg("title", {}, row.name)));
    for (const item of row.items) picture.append(mark(item, x, y, open));
  });
  return picture;
}
