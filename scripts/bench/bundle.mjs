// Bundles the measured process of a benchmark into one file, as the agent is, so that it has the agent's memory and start.
import { cpSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/**
 * @param {string} root the repository's top folder
 * @param {string} subject the file that exports the backend's subject
 * @returns {Promise<string>} the bundle's file
 */
export async function bundleMeasured(root, subject) {
  const outfile = path.join(root, '.cache', 'bench', `${path.basename(subject, '.mjs')}.cjs`);
  const measured = path.join(root, 'conformance', 'dist', 'performance', 'scale', 'measured.js');
  const launcher = path.join(root, 'packages', 'agent', 'bin', 'start.cjs');
  await build({
    stdin: {
      contents:
        // As the agent's launcher and the agent do, before anything else.
        `import { settleEngine } from ${JSON.stringify(launcher)};\n` +
        `import { releaseProgramPages } from '@overlay/linux';\n` +
        `settleEngine();\n` +
        `releaseProgramPages();\n` +
        `import { runMeasured } from ${JSON.stringify(measured)};\n` +
        `import { subject } from ${JSON.stringify(subject)};\nvoid runMeasured(subject);\n`,
      resolveDir: root,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
    alias: { rxjs: path.join(root, 'node_modules', 'rxjs', 'dist/esm/index.js') },
    define: { 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  cpSync(path.join(root, 'packages', 'linux', 'prebuilds'), path.join(path.dirname(outfile), 'prebuilds'), {
    recursive: true,
  });
  return outfile;
}
