import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { overlay } from './overlay.js';

// The two programs lie side by side, bundled or not.
const agent = [process.execPath, fileURLToPath(new URL('../bin/overlayd.cjs', import.meta.url))];
void overlay(process.argv.slice(2), agent).then((code) => (process.exitCode = code));
