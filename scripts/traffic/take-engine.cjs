// Loaded before a program of Node (`--require`): the engine's addon is the file that OVERLAY_SANITIZED_ENGINE names.
const process = require('node:process');

const { OVERLAY_SANITIZED_ENGINE: engine } = process.env;
const load = process.dlopen;
process.dlopen = (module, file, ...more) => {
  const taken = file.endsWith('/udp-engine.node') ? engine : file;
  if (taken === engine) process.stderr.write(`traffic: the engine is ${engine}\n`);
  return load.call(process, module, taken, ...more);
};
// Programs that it starts do without.
delete process.env.LD_PRELOAD;
