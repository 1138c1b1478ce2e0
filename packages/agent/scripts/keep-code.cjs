// Runs a bundled program like bin/start.cjs, and at its end keeps the code that V8 has compiled by then, for the starts to
// come: that of the program and of its parts, as far as none is kept yet. Usage: node keep-code.cjs NAME ARGUMENTS...
'use strict';
const { existsSync, renameSync, writeFileSync } = require('node:fs');
const { filesOf, run, settleEngine } = require('../bin/start.cjs');

const [name] = process.argv.splice(2, 1);
/** @type {[string, import('node:vm').Script][]} */
const scripts = [];

/** @param {string} of @param {import('node:vm').Script} script */
function keep(of, script) {
  const { code } = filesOf(of);
  if (existsSync(code)) return;
  writeFileSync(`${code}.new`, script.createCachedData());
  renameSync(`${code}.new`, code);
}

process.once('exit', () => {
  const [program, ...parts] = scripts;
  keep(...program);
  // Code is good for the flags of its time only, and a part is asked for when they are set.
  settleEngine();
  for (const part of parts) keep(...part);
});
run(name, (of, script) => scripts.push([of, script]));
