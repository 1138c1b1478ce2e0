import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TwoHosts } from './two-hosts.js';

const run = promisify(execFile);
const EXAMPLE = fileURLToPath(new URL('../', import.meta.url));
const ROOT = join(EXAMPLE, '..', '..');
const MEET_MS = 15_000;

let hosts: TwoHosts;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overlay-custom-agent-'));
  hosts = new TwoHosts();
  await hosts.create();
});

afterEach(async () => {
  await hosts.remove();
  await rm(folder, { recursive: true, force: true });
});

test('the example joins two hosts', async () => {
  hosts.start(join(EXAMPLE, 'dist', 'main.js'));
  await hosts.meet(MEET_MS);
}, 30_000);

test('packed packages, installed in an empty folder, join two hosts', async () => {
  const packed = await Promise.all(
    ['core', 'linux', 'backend-vxlan'].map(async (name) => {
      const from = join(ROOT, 'packages', name);
      const { stdout } = await run('npm', ['pack', '--json', '--silent', '--pack-destination', folder, from], {
        cwd: folder,
      });
      const [report] = JSON.parse(stdout) as [{ filename: string }];
      return join(folder, report.filename);
    }),
  );
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packed], { cwd: folder });
  await cp(join(EXAMPLE, 'dist', 'main.js'), join(folder, 'main.js'));
  hosts.start(join(folder, 'main.js'));
  await hosts.meet(MEET_MS);
}, 120_000);

test('the program is at most 20 lines, and those of the README', async () => {
  const source = (await readFile(join(EXAMPLE, 'src', 'main.ts'), 'utf8')).trim();
  expect(source.split('\n').length).toBeLessThanOrEqual(20);
  for (const readme of [join(ROOT, 'README.md'), join(EXAMPLE, 'README.md')]) {
    expect(await readFile(readme, 'utf8')).toContain(`\`\`\`ts\n${source}\n\`\`\``);
  }
});
