// Runs two files of vectors in another language: node tests/vectors.mjs spec/vectors
// Written from the clauses and from the HTML standard alone, so that what the vectors want is not only what our own
// client does.

import assert from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const casesOf = (subject) => JSON.parse(readFileSync(join(folder, `${subject}.json`), "utf8")).cases;

// DIFF-1.2 to DIFF-1.4
function applyEdits(value, edits) {
  if (!Array.isArray(edits)) throw new Error("no list of edits");
  // What is added by one edit may be changed by the next.
  const root = { value: structuredClone(value) };
  for (const edit of structuredClone(edits)) {
    if (!Array.isArray(edit) || edit.length !== 3) throw new Error("no edit");
    const [action, path, operand] = edit;
    if (!Array.isArray(path)) throw new Error("no path");
    if (path.length === 0 && !["replace", "append"].includes(action)) throw new Error("not for a whole value");
    const steps = ["value", ...path];
    let container = root;
    for (const step of steps.slice(0, -1)) container = inside(container, step);
    applyEdit(container, action, steps.at(-1), operand);
  }
  return root.value;
}

function applyEdit(container, action, step, operand) {
  if (container === null || typeof container !== "object") throw new Error("no container");
  if (Array.isArray(container) && (action === "add" || action === "delete")) {
    // The place is wrong in most releases: only the end of a list changes.
    if (!Number.isInteger(step) || (action === "delete" && container.length === 0)) throw new Error("no place");
    if (action === "add") container.push(operand);
    else container.pop();
  } else if (action === "add") {
    if (typeof step !== "string") throw new Error("no key");
    container[step] = operand;
  } else if (action === "replace") {
    inside(container, step);
    container[step] = operand;
  } else if (action === "append") {
    const old = inside(container, step);
    if (typeof old !== "string" || typeof operand !== "string") throw new Error("no text");
    container[step] = old + operand;
  } else if (action === "delete") {
    inside(container, step);
    delete container[step];
  } else throw new Error("no action");
}

function inside(container, step) {
  const there = Array.isArray(container)
    ? Number.isInteger(step) && step >= 0 && step < container.length
    : container !== null && typeof container === "object" && typeof step === "string" && Object.hasOwn(container, step);
  if (!there) throw new Error("leads nowhere");
  return container[step];
}

// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
function readStream(bytes) {
  const lines = new TextDecoder("utf-8").decode(bytes).split(/\r\n|\r|\n/);
  const rest = lines.pop();
  const found = { events: [], incomplete: false, retry: undefined };
  let data = "";
  let type = "";
  let id = "";
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (line === "") {
      if (data !== "") found.events.push({ event: type || "message", data: data.slice(0, -1), id });
      data = type = "";
    }
    if (line === "" || colon !== 0) found.incomplete = line !== "";
    if (line === "" || colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data += `${value}\n`;
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) found.retry = Number(value);
  }
  found.incomplete ||= rest !== "";
  return found;
}

let count = 0;
for (const one of casesOf("diffs")) {
  let value = one.value;
  for (const step of one.steps) {
    if (step.refused) assert.throws(() => applyEdits(value, step.edits), one.name);
    else assert.deepStrictEqual((value = applyEdits(value, step.edits)), step.value, one.name);
  }
  count += 1;
}
for (const one of casesOf("event_streams")) {
  const bytes = "base64" in one ? Buffer.from(one.base64, "base64") : Buffer.from(one.text, "utf8");
  const { events, incomplete = false, retry } = one;
  assert.deepStrictEqual(readStream(bytes), { events, incomplete, retry }, one.name);
  count += 1;
}
console.log(count);
