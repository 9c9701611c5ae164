// How places and times read. The same wording as the command line.

const two = (number) => String(number).padStart(2, "0");

export function stamp(text) {
  return text.replace("T", " ").replace(/(\.\d+)?Z$/, "") + " UTC";
}

export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const tail = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${tail}` : tail;
}

export function span(valid) {
  if (!valid) return "time unknown";
  const [start, end] = [stamp(valid.start), stamp(valid.end)];
  if (start === end) return start;
  const sameDay = start.slice(0, 10) === end.slice(0, 10);
  return `${start.slice(0, 19)}–${sameDay ? end.slice(11) : end}`;
}

export function place(locator, valid) {
  switch (locator.type) {
    case "frame":
      return valid ? `frame at ${stamp(valid.start)} (${clock(locator.ms)} in the clip)` : `frame ${clock(locator.ms)} in the clip`;
    case "span": {
      const inside = `${clock(locator.ms)}–${clock(locator.end_ms)} in the recording`;
      return valid ? `said at ${stamp(valid.start)} (${inside})` : inside;
    }
    case "page":
      return `page ${locator.page}`;
    case "chars":
      return locator.heading ? `under “${locator.heading}”` : `characters ${locator.start}–${locator.end}`;
    case "window":
      return `${locator.series}, ${span(locator)}`;
    default:
      return `row ${locator.key || ""}${locator.line ? `, line ${locator.line}` : ""}${sheetOf(locator.table)}`;
  }
}

/** A table inside a file: "log/Work orders" is a sheet of log.xlsx. */
function sheetOf(table) {
  const [, sheet] = table.split("/");
  return sheet ? ` of sheet “${sheet}”` : "";
}

export function sourceName(source) {
  const last = source.split("/").pop() || source;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

export const VERDICTS = {
  answered: "Answered",
  partial: "Partly answered",
  conflict: "Sources disagree",
  not_observed: "Looked at, not observed",
  not_recorded: "Not recorded",
  insufficient: "Not enough evidence",
  refused: "Refused",
};
