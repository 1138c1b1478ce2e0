// Preloaded into an agent under test (`node --expose-gc --require`): at SIGUSR2 it collects garbage and appends one line
// of what is left, in bytes, to the file that OVERLAY_MEMORY_FILE names.
'use strict';
const { appendFileSync, readFileSync } = require('node:fs');

const file = process.env.OVERLAY_MEMORY_FILE;

/** Memory that is no copy of a file, which the kernel could drop at any time. */
function anonymous() {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
}

process.on('SIGUSR2', () => {
  globalThis.gc();
  // What finalizers let go is collected by a second one.
  setImmediate(() => {
    globalThis.gc();
    const { rss, heapUsed, external } = process.memoryUsage();
    appendFileSync(file, `${JSON.stringify({ rss, anonymous: anonymous(), heapUsed, external })}\n`);
  });
});
