// Starts a bundled program. CommonJS, because Node's loader of ES modules alone takes longer than all of this; and with
// the machine code's forerunner that V8 would otherwise make at each start, kept from a run at build time.
// npm links programs when it installs, before anything is built; so these files are in the repository.
'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { createRequire, enableCompileCache, wrap } = require('node:module');
const path = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const folder = path.join(__dirname, '..');

/** The file that holds a program or a part of one, and that with its compiled code for this Node. @param {string} name */
function filesOf(name) {
  const program = path.join(folder, 'bundle', `${name}.cjs`);
  return { program, code: path.join(folder, 'bundle', `${name}-${process.version}-${process.arch}.code`) };
}

/** A part of a program that only some agents need; the program requires it from beside itself. */
const PART = /^\.\/(store-[a-z]+)\.cjs$/;

/**
 * Compiles and runs a program, and its parts when it asks for them; gives what it exports.
 *
 * @param {string} name
 * @param {(name: string, script: Script) => void} [ran] told of each that was run
 */
function run(name, ran) {
  const { program, code } = filesOf(name);
  const cachedData = existsSync(code) ? readFileSync(code) : undefined;
  const script = new Script(wrap(readFileSync(program, 'utf8')), { filename: program, cachedData });
  const require = createRequire(program);
  /** @type {Map<string, unknown>} */
  const parts = new Map();
  const requireOrRun = (/** @type {string} */ id) => {
    const [, part] = PART.exec(id) ?? [];
    if (part === undefined) return require(id);
    if (!parts.has(part)) parts.set(part, run(part, ran));
    return parts.get(part);
  };
  const module = { exports: {} };
  ran?.(name, script);
  script.runInThisContext()(
    module.exports,
    Object.assign(requireOrRun, require),
    module,
    program,
    path.dirname(program),
  );
  return module.exports;
}

/** @param {string} name of the program */
function start(name) {
  const { program, code } = filesOf(name);
  if (!existsSync(program)) {
    process.stderr.write(`${name} is not built yet: run \`npm run build\` at the top of the repository.\n`);
    process.exitCode = 1;
    return;
  }
  if (existsSync(code)) {
    run(name);
    settleEngine();
    return;
  }
  // Never in Node's default place: that is in /tmp, where anybody could put code that then runs as root.
  enableCompileCache?.(path.join(folder, 'node_modules', '.cache', 'overlay'));
  require(program);
  settleEngine();
}

/**
 * What an agent makes for each of its peers stays, so a large space for young objects would only be copied twice, and
 * stay resident: 30 MB at 10,000 hosts. And that little is copied sooner by one thread than by several, which wait for
 * each other where processors are busy: for 10 to 25 ms, instead of less than one. Functions are compiled with fewer
 * others inside them: a first convergence is over so soon that V8's threads, compiling the same small functions into
 * each of their callers, would take half of all processor time. Set when the program is loaded, because code that was
 * kept is good for the flags of its time only.
 */
function settleEngine() {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=100');
}

module.exports = { filesOf, run, settleEngine, start };
