// Server-sent events over a POST: EventSource can only GET.

/** Ask, and call `on(name, data)` for every event. Rejects with the server's own words and code, and where its reply ends too soon. */
export async function ask(body, on, signal) {
  const response = await fetch("/v1/ask", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await failure(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let answered = false;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) answered = dispatch(block, on) || answered;
  }
  if (!answered) throw new Error("The server ended its reply before the answer; ask again.");
}

/** One event block: its name and its JSON. Lines that begin with a colon only keep the line alive. */
export function parse(block) {
  let name = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { name, data: JSON.parse(data.join("\n")) } : null;
}

/** Pass an event on; whether it was the answer. */
function dispatch(block, on) {
  const event = parse(block);
  if (!event) return false;
  if (event.name === "error") throw failed(event.data.error);
  on(event.name, event.data);
  return event.name === "answer";
}

const failed = ({ message, code }) => Object.assign(new Error(message), { code });

async function failure(response) {
  try {
    return failed((await response.json()).error);
  } catch {
    return failed({ message: `the server answered ${response.status}`, code: "" });
  }
}

export async function reason(response) {
  return (await failure(response)).message;
}
