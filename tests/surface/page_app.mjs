// Drives the page over the least document there is, with a server that answers as the scenario says, and prints what a reader would see.
// node page_app.mjs APP_JS SCENARIO

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], handlers: {}, hidden: false, value: "", files: [], className: "", words: "" });
  }
  get textContent() {
    return this.words + this.children.map((child) => child.textContent ?? child).join("");
  }
  set textContent(text) {
    Object.assign(this, { words: text, children: [] });
  }
  get firstChild() {
    return this.children[0];
  }
  setAttribute(name, value) {
    if (name === "hidden") this.hidden = value !== undefined;
  }
  addEventListener(name, handler) {
    this.handlers[name] = handler;
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  focus() {}
  showModal() {}
}

class FileInput extends Element {
  set value(text) {
    if (text === "") this.files = [];
  }
  get value() {
    return this.files.length ? "chosen" : "";
  }
}

const nodes = { pictures: new FileInput("input"), answer: new Element("article"), leaning: new Element("p") };
nodes.answer.hidden = nodes.leaning.hidden = true;
const byId = (id) => (nodes[id] ??= new Element(id));
const keys = {};
globalThis.document = {
  getElementById: byId,
  createElement: (tag) => new Element(tag),
  createElementNS: (_, tag) => new Element(tag),
  addEventListener: (name, handler) => (keys[name] = handler),
};
globalThis.window = { addEventListener() {} };
globalThis.location = { hash: "" };
globalThis.FileReader = class {
  readAsDataURL(file) {
    this.result = `data:image/png;base64,${file}`;
    queueMicrotask(() => this.onload());
  }
};

const asked = [];
globalThis.fetch = (url, options) => {
  if (url === "/v1/health") return Promise.resolve(Response.json({ checks: [], degraded: [] }));
  const call = { body: JSON.parse(options.body) };
  call.stream = new ReadableStream({ start: (controller) => (call.controller = controller) });
  options.signal.addEventListener("abort", () => {
    call.controller.error(options.signal.reason);
    call.reject(options.signal.reason);
  });
  const reply = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
  if (options.signal.aborted) call.reject(options.signal.reason);
  asked.push(call);
  return reply;
};

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
const event = (name, data) => new TextEncoder().encode(`event: ${name}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`);
const answerTo = (question) => ({
  id: "an_1", question, verdict: "answered", confidence: null, timeline: [], coverage: [], degraded: [], timings_ms: {}, as_of: "", sequence: 1,
  model: "m", calibration: "", resolved: "", conversation: "cv_1", claims: [{ text: `claim of ${question}`, support: "supported", citations: [], recomputed: [] }],
});

async function ask(question, { enter = false } = {}) {
  byId("question").value = question;
  const pressed = { key: "Enter", preventDefault() {} };
  if (enter) byId("question").handlers.keydown(pressed);
  else byId("ask").handlers.submit(pressed);
  await settled();
  return asked.at(-1);
}

async function tell(call, ...events) {
  call.resolve(new Response(call.stream));
  for (const [name, data] of events) call.controller.enqueue(event(name, data));
  await settled();
}

async function finish(call, ...events) {
  await tell(call, ...events);
  call.controller.close();
  await settled();
}

const seen = () => ({
  status: byId("status").textContent,
  kind: byId("status").className,
  hidden: nodes.answer.hidden,
  words: nodes.answer.textContent,
  leaning: !nodes.leaning.hidden,
  waiting: Boolean(byId("send").disabled),
});

const scenarios = {
  async over() {
    const first = await ask("one");
    await tell(first, ["plan", {}]);
    const second = await ask("two", { enter: true });
    const between = seen();
    await finish(second, ["answer", answerTo("two")]);
    return { between, after: seen() };
  },
  async escape() {
    await tell(await ask("one"), ["plan", {}]);
    keys.keydown({ key: "Escape", target: {} });
    await settled();
    return seen();
  },
  async pictures() {
    nodes.pictures.files = ["AAAA"];
    await finish(await ask("one"), ["answer", answerTo("one")]);
    await ask("two");
    return asked.map((call) => [call.body.pictures.length, call.body.conversation]);
  },
  async deleted() {
    await finish(await ask("one"), ["answer", answerTo("one")]);
    const leaning = seen();
    const second = await ask("two");
    second.resolve(Response.json({ error: { code: "conversation_not_found", message: "no conversation is yours" } }, { status: 404 }));
    await settled();
    const after = seen();
    await ask("three");
    return { leaning, after, conversations: asked.map((call) => call.body.conversation) };
  },
  async cut() {
    await finish(await ask("one"), ["plan", {}], ["claim", answerTo("one").claims[0]]);
    return seen();
  },
  async evidence() {
    const { evidenceInto } = await import(new URL("render.js", process.argv[2]));
    const shown = (kind, locator) => {
      const node = new Element("dialog");
      const text = "what it says";
      evidenceInto(node, { id: "ev_1", kind, source: "file:///calls/a%20call.wav", locator, text, media: "there", valid: null, revision: 1, entities: [] });
      return [node.children.map((child) => child.tag), node.textContent];
    };
    return [shown("transcript", { type: "span", ms: 65400, end_ms: 69900 }), shown("frame", { type: "frame", ms: 5000 })];
  },
  async failed() {
    await finish(await ask("one"), ["plan", {}], ["error", { error: { code: "model_unavailable", message: "the model is gone" } }]);
    return seen();
  },
};

await import(process.argv[2]);
await settled();
console.log(JSON.stringify(await scenarios[process.argv[3]]()));
