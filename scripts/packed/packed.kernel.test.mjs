// What the guides and the examples say, done as a user does it: in an empty folder outside the repository, with the packages
// packed and installed by npm under their own names.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TwoHosts } from '../../examples/custom-agent/test-dist/two-hosts.js';
import { followGuide, guideSteps, runCommands } from './guide.mjs';
import { PackedRegistry } from './registry.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8');
const timeoutMs = 280_000;
const LIMIT_MS = 480_000;
/** Until two hosts reach each other. */
const MEET_MS = 60_000;

let registry;
let cwd;

beforeAll(async () => {
  registry = await PackedRegistry.open(root);
}, 120_000);
afterAll(() => registry?.close());
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'overlay-user-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const run = (commands) => runCommands(commands, { cwd, env: registry.environment, timeoutMs });
/** What is installed globally goes to the folder too. */
function follow(guide, more = {}) {
  const prefix = path.join(cwd, 'global');
  const PATH = `${path.join(prefix, 'bin')}:${process.env.PATH}`;
  const env = { ...registry.environment, npm_config_prefix: prefix, PATH };
  return followGuide(read('docs', guide), { ...more, cwd, env, timeoutMs });
}

/** What of a report does not depend on who ran it, when and where. */
const results = (yaml) => yaml.slice(yaml.indexOf('\nfeatures:'));

/** The files that a guide has its reader write, each as the example has it. */
function expectFilesOf(guide, example) {
  const files = guideSteps(read('docs', guide)).filter(({ kind, file }) => kind === 'file' && file.startsWith('src/'));
  expect(files.length).toBeGreaterThan(0);
  for (const { file, text } of files) expect({ file, text }).toEqual({ file, text: read('examples', example, file) });
}

describe('docs/writing-a-backend.md', () => {
  // The host on which the backend is tried out.
  const host = `ovt-${process.pid}-try`;
  beforeEach(async () => {
    const lines = [
      'link add eth0 type veth peer name far',
      'link set far up',
      'addr add 192.168.77.1/24 dev eth0',
      'link set eth0 up',
      'link set lo up',
    ];
    const setUp = [...lines, 'route add default via 192.168.77.254'].map((line) => `ip -n ${host} ${line}`);
    await run([`ip netns add ${host}`, ...setUp].join('\n'));
  });
  afterEach(() => run(`ip netns pids ${host} | xargs --no-run-if-empty kill -9; ip netns delete ${host}`));

  test(
    'followed to the letter gives a package that passes every profile',
    async () => {
      const { files, commands } = await follow('writing-a-backend.md', { netns: host });
      expect({ files, commands }).toEqual({ files: 5, commands: 6 });
      const report = readFileSync(path.join(cwd, 'report.yaml'), 'utf8');
      expect(report).toContain('project: "@acme/overlay-backend-macvlan"');
      expect(results(report)).toBe(results(read('examples/custom-backend/report.yaml')));
      // It is on the registry, with its report, for whoever wants it.
      const found = await run(
        'mkdir user; cd user; npm init -y; npm install @acme/overlay-backend-macvlan; ls node_modules/@acme/*',
      );
      expect(found).toContain('report.yaml');
    },
    LIMIT_MS,
  );

  test('has the files of the example, of at most 100 lines', () => {
    expectFilesOf('writing-a-backend.md', 'custom-backend');
    expect(read('examples/custom-backend/src/macvlan.ts').trimEnd().split('\n').length).toBeLessThanOrEqual(100);
  });
});

describe('docs/writing-a-subnet-manager.md', () => {
  test(
    'followed to the letter gives a package that passes every profile',
    async () => {
      const { files, commands } = await follow('writing-a-subnet-manager.md');
      expect({ files, commands }).toEqual({ files: 5, commands: 2 });
      const report = readFileSync(path.join(cwd, 'report.yaml'), 'utf8');
      expect(results(report)).toBe(results(read('examples/custom-subnet-manager/report.yaml')));
    },
    LIMIT_MS,
  );

  test('has the files of the example', () => expectFilesOf('writing-a-subnet-manager.md', 'custom-subnet-manager'));
});

describe('examples/custom-agent and docs/embedding-the-agent.md', () => {
  let hosts;
  beforeEach(async () => {
    hosts = new TwoHosts();
    await hosts.create();
  });
  afterEach(() => hosts.remove());

  test(
    'the program of 20 lines, compiled with packed packages, joins two hosts',
    async () => {
      for (const part of ['package.json', 'src']) {
        cpSync(path.join(root, 'examples/custom-agent', part), path.join(cwd, part), { recursive: true });
      }
      const { text } = guideSteps(read('docs/writing-a-backend.md')).find(({ file }) => file === 'tsconfig.json');
      writeFileSync(path.join(cwd, 'tsconfig.json'), text);
      await run('npm install; npm run build');
      hosts.start(path.join(cwd, 'dist/main.js'), (host) => [host]);
      await hosts.meet(MEET_MS, ['10.244.1.0', '10.244.2.0']);
    },
    LIMIT_MS,
  );

  test(
    'the agent of the guide joins two hosts, and tells how it is',
    async () => {
      expectFilesOf('embedding-the-agent.md', 'custom-agent');
      await follow('embedding-the-agent.md');
      cpSync(path.join(root, 'examples/net-conf/host-gw-ipv4.json'), path.join(cwd, 'net-conf.json'));
      // As the guide has it typed, on each host, with files in places that both find.
      const [, words] = /^ {4}node dist\/agent\.js (.+)$/m.exec(read('docs/embedding-the-agent.md'));
      const places = { 'net-conf.json': path.join(cwd, 'net-conf.json'), leases: path.join(cwd, 'leases') };
      const typed = (host) => words.split(' ').map((word) => (word === 'h1' ? host : (places[word] ?? word)));
      hosts.start(path.join(cwd, 'dist/agent.js'), typed);
      const told = ['overlay_peers 1\n', 'overlay_ready 1\n'];
      const metrics = await hosts.get('http://127.0.0.1:9470/metrics', told, MEET_MS);
      expect(metrics).toContain('overlay_lease_events_total{type="snapshot"}');
      expect(await hosts.get('http://127.0.0.1:9470/readyz', [], MEET_MS)).toBe('');
      expect(await hosts.routes()).toMatch(/^10\.244\.\d+\.0\/24 via 192\.168\.77\.2 dev eth0 proto 111/m);
    },
    LIMIT_MS,
  );
});
