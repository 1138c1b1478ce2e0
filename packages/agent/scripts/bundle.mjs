// Bundles each program into one file, which starts sooner than a hundred modules do. Needs what tsc makes.
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bundle = path.join(folder, 'bundle');
const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** The folder of an installed package, found as Node finds it. */
function packageFolder(name) {
  for (let at = folder; ; at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) return candidate;
    if (at === path.dirname(at)) throw new Error(`${name} is not installed; run \`npm ci\` first`);
  }
}

rmSync(bundle, { recursive: true, force: true });
await build({
  entryPoints: {
    overlayd: path.join(folder, 'dist/overlayd-main.js'),
    overlay: path.join(folder, 'dist/overlay-main.js'),
  },
  outdir: bundle,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  minify: true,
  // Names show in stack traces.
  keepNames: false,
  legalComments: 'eof',
  logLevel: 'warning',
  // Node's condition leads to rxjs in CommonJS, all of it; the modules can be cut down to what is used.
  alias: { rxjs: path.join(packageFolder('rxjs'), 'dist/esm/index.js') },
  define: { OVERLAY_VERSION: JSON.stringify(version), 'import.meta.url': '__bundleUrl' },
  banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
});
cpSync(path.join(packageFolder('@overlay/linux'), 'prebuilds'), path.join(bundle, 'prebuilds'), { recursive: true });
