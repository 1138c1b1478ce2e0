// Starts a bundled program. CommonJS, because loading Node's module loader alone takes longer than all of this.
// npm links programs when it installs, before anything is built; so these files are in the repository.
'use strict';
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const path = require('node:path');

/** @param {string} name of the program */
exports.start = (name) => {
  const bundle = path.join(__dirname, '..', 'bundle', `${name}.cjs`);
  if (!existsSync(bundle)) {
    process.stderr.write(`${name} is not built yet: run \`npm run build\` at the top of the repository.\n`);
    process.exitCode = 1;
    return;
  }
  // Never in Node's default place: that is in /tmp, where anybody could put code that then runs as root.
  enableCompileCache?.(path.join(__dirname, '..', 'node_modules', '.cache', 'overlay'));
  require(bundle);
};
