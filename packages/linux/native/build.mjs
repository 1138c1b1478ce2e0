// Compiles the addon with the machine's C compiler against the headers of the npm package node-api-headers.
//   node packages/linux/native/build.mjs [--arch x64|arm64|all] [--force]
// CC names another compiler. The result is packages/linux/prebuilds/linux-<arch>/overlay-netlink.node.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddons } from './compile.mjs';

const folder = join(import.meta.dirname, 'src');
const files = readdirSync(folder).map((name) => join(folder, name));
buildAddons(join(import.meta.dirname, '..'), [
  {
    name: 'overlay-netlink',
    sources: files.filter((file) => file.endsWith('.c')),
    headers: files.filter((file) => file.endsWith('.h')),
  },
]);
