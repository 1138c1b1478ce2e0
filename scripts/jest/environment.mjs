// The environment of every test file: Node's own, and a file that leaves a timer, socket, watcher or worker behind fails.
import process from 'node:process';
import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';

/**
 * Names of process.getActiveResourcesInfo() that tell nothing: short-lived by nature (a file being read, a tick, a handle
 * that is being closed), and timers, of which jest has its own; those of the tests are followed one by one instead.
 */
const passing = new Set([
  'CloseReq',
  'FSReqAfterScopePromise',
  'FSReqCallback',
  'FSReqPromise',
  'Immediate',
  'TickObject',
  'Timeout',
]);
/** How long what a test has closed may take to really go, in milliseconds. */
const graceMs = 2_000;
const lookEveryMs = 10;
/** How many timers are remembered before those that are over are forgotten. */
const forgetAt = 1_000;

const now = Date.now;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resources that keep the process alive, timers left out: name to number. */
function activeResources() {
  const counts = new Map();
  for (const name of process.getActiveResourcesInfo()) {
    if (!passing.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Whether a timer still keeps the process alive; `hasRef()` alone stays true for one that is over. */
function isPending(timer) {
  return timer._destroyed === false && timer.hasRef();
}

export default class LeakCheckingEnvironment extends NodeEnvironment {
  #path;
  #before = new Map();
  #timers = new Set();

  constructor(config, context) {
    super(config, context);
    this.#path = context.testPath;
  }

  async setup() {
    await super.setup();
    this.#follow('setTimeout');
    this.#follow('setInterval');
    this.#before = activeResources();
  }

  async teardown() {
    const left = await this.#leftOver();
    await super.teardown();
    if (left.length > 0) {
      throw new Error(`${this.#path} ended and left open: ${left.join(', ')}. Close what the tests open.`);
    }
  }

  #follow(name) {
    const start = this.global[name];
    const timers = this.#timers;
    const followed = function (...args) {
      const timer = start.apply(this, args);
      if (timers.size >= forgetAt) {
        for (const old of timers) if (!isPending(old)) timers.delete(old);
      }
      timers.add(timer);
      return timer;
    };
    // Also what util.promisify looks for.
    this.global[name] = Object.defineProperties(followed, Object.getOwnPropertyDescriptors(start));
  }

  async #leftOver() {
    const until = now() + graceMs;
    for (;;) {
      const left = [];
      const say = (count, name) => count > 0 && left.push(count === 1 ? name : `${count} × ${name}`);
      for (const [name, count] of activeResources()) say(count - (this.#before.get(name) ?? 0), name);
      say([...this.#timers].filter(isPending).length, 'timer');
      if (left.length === 0 || now() > until) return left;
      await pause(lookEveryMs);
    }
  }
}
