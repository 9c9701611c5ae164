// An answer, and a piece of evidence, as elements.

import { el } from "./dom.js";
import { draw } from "./timeline.js";
import { VERDICTS, place, sourceName, span } from "./words.js";

const PICTURED = new Set(["frame", "window"]);

export const mediaUrl = (id) => `/v1/evidence/${encodeURIComponent(id)}/media`;

function picture(id, kind, text) {
  if (!PICTURED.has(kind)) return null;
  const image = el("img", { src: mediaUrl(id), alt: `${kind}: ${text}`, loading: "lazy" });
  image.addEventListener("error", () => image.remove());
  return image;
}

function citation(cited, open) {
  const where = `${sourceName(cited.source)}, ${place(cited.locator, cited.valid)}`;
  const link = el("button", { type: "button", class: "link", onclick: () => open(cited.evidence) }, where);
  const quote = cited.quote ? el("blockquote", {}, cited.quote) : null;
  return el("li", {}, el("figure", {}, picture(cited.evidence, cited.kind, where), el("figcaption", {}, link, quote)));
}

export function claim(item, open) {
  const why = item.why ? `: ${item.why}` : "";
  const support = item.support === "supported" ? null : el("span", { class: `support ${item.support}` }, ` (${item.support}${why})`);
  const looked = item.sighting ? el("span", { class: "quiet" }, ` (second look: ${item.sighting})`) : null;
  const figures = item.recomputed.map((figure) => el("p", { class: "quiet" }, `recomputed: ${figure}`));
  const cited = item.citations.map((one) => citation(one, open));
  return el("li", {}, el("span", {}, item.text), support, looked, figures, el("ul", { class: "citations" }, cited));
}

/** A second look at a claim's frame came back: the claim that was told is shown anew. */
export function sighted(list, item, open) {
  const told = [...list.children].find((one) => one.firstChild.textContent === item.text);
  if (told) told.replaceWith(claim(item, open));
}

function section(title, ...children) {
  return el("section", {}, el("h2", {}, title), ...children);
}

function timeline(answer, open) {
  const drawn = draw(answer, open);
  if (!drawn) return null;
  const rows = answer.timeline.map((item) => el("tr", {}, el("td", {}, span(item.valid)), el("td", {}, item.kind), el("td", {}, item.text)));
  const table = rows.length ? el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, rows))) : null;
  return section("Timeline", el("div", { class: "scroll" }, drawn), table);
}

function coverage(answer) {
  if (!answer.coverage.length) return null;
  const lines = answer.coverage.map((note) => el("li", { class: note.status === "gap" ? "error" : "" }, `${note.subject} (${note.status}): ${note.text}`));
  return section("What was looked at", el("ul", {}, lines));
}

function footer(answer, rate) {
  const confidence = answer.confidence === null ? "confidence not calibrated" : `confidence ${answer.confidence.toFixed(2)}`;
  const total = answer.timings_ms.total;
  const facts = [answer.model, answer.calibration ? `${confidence} (${answer.calibration})` : confidence, `as of ${answer.as_of}`, `sequence ${answer.sequence}`];
  if (total !== undefined) facts.push(`${Math.round(total)} ms`);
  const said = el("span", { role: "status" });
  const button = (text, accepted) => el("button", { type: "button", class: "plain", onclick: () => rate(answer.id, accepted, said) }, text);
  return el("footer", {}, el("p", { class: "quiet" }, facts.join(" · ")), button("Accept", true), " ", button("Reject", false), " ", said);
}

function head({ verdict, question, resolved }) {
  const understood = resolved ? el("p", { class: "quiet" }, `Understood as: ${resolved}`) : null;
  return [el("p", { class: "quiet" }, question), understood, el("p", {}, el("span", { class: `badge ${verdict}` }, VERDICTS[verdict] ?? verdict))];
}

/** The answer while it is being made: claims appear as they come. */
export function pending(node, question) {
  const list = el("ol", { class: "claims" });
  node.replaceChildren(el("p", { class: "quiet" }, question), list);
  return list;
}

/** The whole answer into `node`. */
export function answerInto(node, answer, open, rate) {
  const claims = el("ol", { class: "claims" }, answer.claims.map((item) => claim(item, open)));
  const degraded = answer.degraded.map((text) => el("p", { class: "quiet" }, `Note: ${text}`));
  const parts = [...head(answer), claims, ...degraded, timeline(answer, open), coverage(answer), footer(answer, rate)];
  node.replaceChildren(...parts.filter(Boolean));
}

function player(found, where) {
  if (found.kind === "transcript") return el("audio", { src: mediaUrl(found.id), controls: true, "aria-label": where });
  const image = el("img", { src: mediaUrl(found.id), alt: where });
  if (found.kind !== "frame" || found.data?.moment === undefined) return image;
  const holder = el("div");
  const play = el("button", { type: "button", class: "play", onclick: () => playMoment(holder, found.id, where) }, "Play the moment");
  holder.replaceChildren(image, play);
  return holder;
}

/** The moment around a frame as a clip, with its kept frames below. */
async function playMoment(holder, id, where) {
  const gone = () => holder.append(el("p", { class: "quiet" }, "This moment cannot be shown now."));
  const reply = await fetch(`/v1/evidence/${encodeURIComponent(id)}/moment`).catch(() => null);
  if (!reply?.ok) return gone();
  const moment = await reply.json();
  const video = el("video", { src: moment.clip, controls: true, autoplay: true, muted: true, "aria-label": where, onerror: gone });
  const few = moment.thumbnails.filter((_, at, all) => at % Math.ceil(all.length / 8) === 0);
  const strip = few.map((frame) => el("img", { src: frame.media, alt: `frame at ${(frame.ms / 1000).toFixed(1)} s`, loading: "lazy" }));
  const length = ((moment.end_ms - moment.start_ms) / 1000).toFixed(1);
  holder.replaceChildren(video, el("p", { class: "quiet" }, `${length} s, ${moment.thumbnails.length} kept frames`), el("div", { class: "strip" }, strip));
}

/** One piece of evidence into the dialog. */
export function evidenceInto(node, found) {
  const close = el("button", { type: "button", class: "plain", autofocus: true, onclick: () => node.close() }, "Close");
  const where = `${sourceName(found.source)}, ${place(found.locator, found.valid)}`;
  const media = found.media ? player(found, where) : null;
  const facts = [found.kind, span(found.valid), `revision ${found.revision}`, found.id].join(" · ");
  const names = found.entities.map((item) => `${item.entity} (${item.relation})`).join(", ");
  const parts = [close, el("h2", {}, where), media, el("pre", {}, found.text), el("p", { class: "quiet" }, facts), el("p", { class: "quiet" }, names)];
  node.replaceChildren(...parts.filter(Boolean));
}
