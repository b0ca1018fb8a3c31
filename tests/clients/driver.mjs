// What the official JavaScript client does with an app, whichever version of either it is.
//
//     node driver.mjs URL URL_WITH_LOGIN DIRECTORY SCENARIO...
//
// Run where the client can be imported from the working directory. For each scenario it prints a line of JSON when it
// begins, and one with what came of it: a value, or the text of an error.

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const LIMIT = 25; // seconds for one scenario; whatever takes longer hangs

const [URL_PLAIN, URL_WITH_LOGIN, , ...WANTED] = process.argv.slice(2);

// The package is not beside this file but in the working directory, whose packages this asks for.
const root = path.dirname(createRequire(path.join(process.cwd(), "x.js")).resolve("@gradio/client/package.json"));
const gradio = await import(pathToFileURL(path.join(root, "dist/index.js")).href);

const print = (what) => process.stdout.write(JSON.stringify(what) + "\n");
// What the client says on its own is not for standard output.
for (const name of ["log", "info", "debug"]) console[name] = console.error;

function connect(url = URL_PLAIN, options = {}) {
	// Before 0.20 there was a function only, and before 1.0 it listened with callbacks.
	if (gradio.Client?.connect) return gradio.Client.connect(url, { events: ["data", "status"], ...options });
	return new Promise((resolve, reject) => {
		// It never comes back when it fails, but tells that here.
		const status_callback = (status) => status.status === "error" && reject(new Error(status.message));
		gradio.client(url, { status_callback, ...options }).then(resolve, reject);
	});
}

// Start a job; give all its outputs when it has ended, and tell each as it comes.
async function outputs(app, endpoint, data, on_output = () => {}) {
	const seen = [];
	const take = (event, job) => {
		if (event.type === "data") {
			seen.push(event.data);
			on_output(seen, job);
		}
		if (event.type === "status" && event.stage === "error") throw new Error(event.message);
		return event.type === "status" && event.stage === "complete";
	};
	const job = await app.submit(endpoint, data);
	if (job[Symbol.asyncIterator]) {
		// By hand, for 1.19 never comes back from leaving a loop, nor from asking once more after the end.
		const events = job[Symbol.asyncIterator]();
		for (;;) {
			const { value, done } = await events.next();
			if (done || take(value, job)) return seen;
		}
	}
	return new Promise((resolve, reject) => {
		const listen = (event) => {
			try {
				if (take(event, job)) resolve(seen);
			} catch (failure) {
				reject(failure);
			}
		};
		job.on("data", listen).on("status", listen);
	});
}

const SCENARIOS = {
	connect: async (app) => app.config.version.trim(),

	view_api: async (app) => {
		const described = (await app.view_api(app.config)).named_endpoints;
		return {
			names: Object.keys(described).sort(),
			labels: described["/add"].parameters.map((parameter) => parameter.label)
		};
	},

	echo: async (app) => (await app.predict("/echo", ["hé ✓"])).data[0],

	add: async (app) => (await app.predict("/add", [1, 2.5])).data[0],

	generator: async (app) => (await outputs(app, "/count", [5])).map((data) => data[0]),

	error: async (app) => {
		try {
			return (await app.predict("/fail", ["sorry"])).data;
		} catch (failure) {
			return { told: failure.message };
		}
	},

	file: async (app) => {
		const result = (await app.predict("/shout", [new Blob(["héllo"], { type: "text/plain" })])).data[0];
		// An output may be one file or a list of them, and its address was once kept in "data".
		const file = Array.isArray(result) ? result[0] : result;
		return await (await fetch(file.url ?? file.data)).text();
	},

	state: async (app) => {
		// Before 1.0 the caller leaves room for the State.
		const nothing = gradio.handle_file ? [] : [null];
		const visit = async (visited) => (await visited.predict("/visit", [...nothing])).data[0];
		return [await visit(app), await visit(app), await visit(await connect())];
	},

	"two at once": async (app) => {
		const both = await Promise.all(["a", "b"].map((word) => outputs(app, "/steps", [word, 3])));
		return both.map((seen) => seen.map((data) => data[0]));
	},

	login: async () => {
		const inside = await connect(URL_WITH_LOGIN, { auth: ["reader", "secret-word"] });
		return (await inside.predict("/echo", ["in"])).data[0];
	},

	"wrong login": async () => {
		await connect(URL_WITH_LOGIN, { auth: ["reader", "wrong"] });
		return "let in";
	},

	cancel: (app) =>
		new Promise((resolve, reject) => {
			let cancelled;
			const stop = (seen, job) => {
				if (seen.length === 2) cancelled = Promise.resolve(job.cancel()).then(() => resolve(true), reject);
			};
			// Of a job that was cancelled, some versions say that it failed.
			outputs(app, "/steps", ["stop", 400], stop).catch((failure) => cancelled ?? reject(failure));
		})
};

// What is thrown where nobody can catch it belongs to the scenario that runs, and must not end the others.
let fail = () => {};
process.on("uncaughtException", (failure) => fail(failure));
process.on("unhandledRejection", (failure) => console.error("unhandled:", failure));

async function run(name, app) {
	print({ begin: name });
	const failed = new Promise((_, reject) => (fail = reject));
	const clock = setTimeout(() => fail(new Error(`did not end within ${LIMIT} s`)), LIMIT * 1000);
	try {
		print({ end: name, value: await Promise.race([SCENARIOS[name](app), failed]) });
	} catch (failure) {
		const text = failure?.message ?? (failure instanceof Error ? failure : JSON.stringify(failure));
		print({ end: name, error: String(text).slice(0, 500) });
	} finally {
		clearTimeout(clock);
	}
}

const app = await connect();
for (const name of WANTED) await run(name, app);
// Whoever started this may still look at what the last one left; the end of the client would end that too.
process.stdin.on("end", () => process.exit(0)).resume();
