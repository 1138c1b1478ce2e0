// Runs a bundled program like bin/start.cjs, and at its end keeps the code that V8 has compiled by then, for the starts to
// come. Usage: node keep-code.cjs NAME ARGUMENTS...
'use strict';
const { renameSync, writeFileSync } = require('node:fs');
const { filesOf, run } = require('../bin/start.cjs');

const [name] = process.argv.splice(2, 1);
const { program, code } = filesOf(name);
const script = run(program);
process.once('exit', () => {
  writeFileSync(`${code}.new`, script.createCachedData());
  renameSync(`${code}.new`, code);
});
