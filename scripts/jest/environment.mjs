// The environment of every test file: Node's own, and a file that leaves a timer, socket, watcher or child process behind
// fails. The names are those of process.getActiveResourcesInfo(), which lists only what keeps a process alive.
import process from 'node:process';
import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';

/** Short-lived by nature (a file being read, a tick), or jest's own. */
const passing = new Set(['FSReqPromise', 'FSReqCallback', 'FSReqAfterScopePromise', 'Immediate', 'TickObject']);
/** How long what a test has closed may take to really go, in milliseconds. */
const graceMs = 2_000;
const lookEveryMs = 10;

function activeResources() {
  const counts = new Map();
  for (const name of process.getActiveResourcesInfo()) {
    if (!passing.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

export default class LeakCheckingEnvironment extends NodeEnvironment {
  #path;
  #before = new Map();

  constructor(config, context) {
    super(config, context);
    this.#path = context.testPath;
  }

  async setup() {
    await super.setup();
    this.#before = activeResources();
  }

  async teardown() {
    const left = await this.#leftOver();
    await super.teardown();
    if (left.length > 0) {
      throw new Error(`${this.#path} ended and left open: ${left.join(', ')}. Close what the tests open.`);
    }
  }

  async #leftOver() {
    const until = Date.now() + graceMs;
    for (;;) {
      const left = [];
      for (const [name, count] of activeResources()) {
        const more = count - (this.#before.get(name) ?? 0);
        if (more > 0) left.push(more === 1 ? name : `${more} × ${name}`);
      }
      if (left.length === 0 || Date.now() > until) return left;
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }
}
