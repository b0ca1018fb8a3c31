// The official JavaScript client as a program that `gradproto conformance-client` can judge.
//
// Run where the client can be imported from the working directory, or with that in GRADPROTO_MODULES.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { GRADPROTO_USER: user, GRADPROTO_PASSWORD: password, GRADPROTO_TOKEN: token } = process.env;
const [url, api_name, inputs, modules] = process.argv.slice(2);
const root = path.dirname(createRequire(path.join(modules, "x.js")).resolve("@gradio/client/package.json"));
const { Client } = await import(pathToFileURL(path.join(root, "dist/index.js")).href);

// What is not written yet when the process is told to end is lost.
const print = (what) => new Promise((done) => process.stdout.write(JSON.stringify(what) + "\n", done));
// What the client says on its own is not for standard output.
for (const name of ["log", "info", "debug"]) console[name] = console.error;

function fail(error) {
	process.stderr.write(`${error?.message ?? JSON.stringify(error)}\n`);
	process.exit(1);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

const read = (value) => (value?.file ? new Blob([fs.readFileSync(value.file)]) : value);

const app = await Client.connect(url, {
	events: ["data", "status"],
	...(user && { auth: [user, password] }),
	...(token && { token, hf_token: token })
});
const job = app.submit(api_name, JSON.parse(inputs).map(read));
process.on("SIGINT", async () => {
	await job.cancel();
	process.exit(130);
});
for await (const event of job) {
	if (event.type === "data") await print(event.data);
	if (event.type === "status" && event.stage === "error") fail(event);
	if (event.type === "status" && event.stage === "complete") process.exit(0);
}
fail(new Error("the events ended before the call was complete"));
