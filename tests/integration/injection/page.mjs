// Renders answers and evidence as the page does, over the least document there is, and prints every element: tag, attributes, words.
// node page.mjs RENDER_JS < {"answers": [...], "evidence": [...]}

import { readFileSync } from "node:fs";

class Element {
  constructor(tag) {
    Object.assign(this, { tag, attributes: {}, children: [], handlers: [] });
  }
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  addEventListener(name) {
    this.handlers.push(name);
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
}

// a page that writes markup, or makes elements in any other way, fails here
globalThis.document = { createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag) };
const { answerInto, evidenceInto } = await import(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));
const found = [];

function walk(node) {
  if (!(node instanceof Element)) return;
  found.push({ tag: node.tag, attributes: node.attributes, words: node.children.filter((child) => typeof child === "string").join(" ") });
  node.children.forEach(walk);
}

for (const answer of given.answers) {
  const node = new Element("main");
  answerInto(node, answer, () => {}, () => {});
  walk(node);
}
for (const piece of given.evidence) {
  const node = new Element("dialog");
  evidenceInto(node, piece);
  walk(node);
}
console.log(JSON.stringify(found));
