import { spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Namespace } from './namespace.js';

let host: Namespace;

beforeEach(() => {
  host = new Namespace('l');
  host.ip('link set lo up');
  host.ip('link add br0 type bridge');
});

afterEach(() => {
  host.remove();
});

const library = new URL('../../dist/netlink/index.js', import.meta.url).href;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in a process of its own and tells how it ended. `netlink` and `netns` are there. */
function run(program: string, onOutput?: (text: string, end: () => void) => void): Promise<Ended> {
  const source = `import * as netlink from ${JSON.stringify(library)};
const netns = ${JSON.stringify(host.path)};
const everything = { groups: [1, 3, 7], onMessage() {}, onOverflow() {}, onError(error) { throw error; } };
const many = (count) => Array.from({ length: count }, (_, n) => netlink.newNeighbour(
  { index: ${host.show('link show dev br0')[0].ifindex as number}, address: \`10.0.\${n >> 8}.\${n & 255}\`, mac: '02:00:00:00:00:01' }, 'upsert'));
${program}`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', source], {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 20_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      onOutput?.(stdout, () => child.stdin.end());
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

const clean = { code: 0, signal: null, stderr: '' };

describe('a process ends cleanly', () => {
  test.each([
    ['with the addon loaded and nothing open', `await netlink.readNetnsFile(netns, '/proc/sys/net/ipv4/ip_forward');`],
    ['with an idle port open', `netlink.openNetlink({ netns });`],
    ['with a port that was used and left open', `await netlink.openNetlink({ netns }).query(netlink.getLink('lo'));`],
    ['with a port closed in the tick that opened it', `netlink.openNetlink({ netns }).close();`],
    [
      'with a port closed while it works',
      `const p = netlink.openNetlink({ netns });
      const sent = p.send(many(20000)).catch((error) => error);
      p.close();
      if ((await sent).code !== 'OVERLAY_CLOSED') throw new Error('not closed');`,
    ],
    [
      'when it exits with a batch and a dump pending',
      `const p = netlink.openNetlink({ netns });
      p.send(many(20000)); p.dump(netlink.dumpLinks(), () => {}); process.exit(0);`,
    ],
    [
      'when it exits while a batch is carried out',
      `const p = netlink.openNetlink({ netns });
      p.send(many(60000)); await p.query(netlink.getLink('lo')); process.exit(0);`,
    ],
    [
      'when it exits with a file being read',
      `netlink.readNetnsFile(netns, '/proc/sys/net/ipv4/ip_forward'); process.exit(0);`,
    ],
    ['when it exits with a monitor open', `netlink.openNetlink({ netns }).monitor(everything); process.exit(0);`],
    [
      'when it exits with a monitor in full flood',
      `const p = netlink.openNetlink({ netns });
      const other = netlink.openNetlink({ netns });
      let heard = 0;
      p.monitor({ ...everything, onMessage() { if (++heard === 500) process.exit(0); } });
      await other.send(many(20000));
      setInterval(() => {}, 1000);`,
    ],
    ['with a monitor closed', `const p = netlink.openNetlink({ netns }); const m = p.monitor(everything); m.close();`],
    [
      'with the port of a monitor closed',
      `const p = netlink.openNetlink({ netns }); p.monitor(everything); p.close();`,
    ],
    [
      'with ports that were collected as garbage',
      `for (let n = 0; n < 20; n++) netlink.openNetlink({ netns });
      globalThis.gc(); await new Promise(setImmediate); globalThis.gc(); await new Promise(setImmediate);`,
    ],
    [
      'after many ports and monitors',
      `for (let n = 0; n < 200; n++) {
        const p = netlink.openNetlink({ netns }); p.monitor(everything); await p.query(netlink.getLink(1)); p.close();
      }
      const { readdirSync } = await import('node:fs');
      for (let left = 1000; readdirSync('/proc/self/task').length > 12; left--) {
        if (left === 0) throw new Error('threads are left');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const descriptors = readdirSync('/proc/self/fd').length;
      if (descriptors > 40) throw new Error(descriptors + ' descriptors are left');`,
    ],
  ])('%s', async (_, program) => {
    expect(await run(program)).toMatchObject(clean);
  });

  test('a failure in onError is an uncaught exception, not an abort', async () => {
    const ended = await run(`const p = netlink.openNetlink({ netns });
      p.monitor({ ...everything, onMessage() { throw new Error('first'); }, onError() { throw new Error('second'); } });
      await netlink.openNetlink({ netns }).send(many(1));
      setInterval(() => {}, 1000);`);
    expect(ended).toMatchObject({ code: 1, signal: null });
    expect(ended.stderr).toContain('second');
  });

  test('an open monitor keeps it alive until it is closed', async () => {
    const ended = await run(
      `const m = netlink.openNetlink({ netns }).monitor({ ...everything, onMessage() {
        console.log('heard'); m.close(); process.stdin.destroy(); } });
      process.stdin.on('end', () => netlink.openNetlink({ netns }).send(many(1))).resume();
      console.log('ready');`,
      (text, end) => {
        if (text.includes('ready')) end();
      },
    );
    expect(ended).toMatchObject({ ...clean, stdout: 'ready\nheard\n' });
  });
});

describe('worker threads', () => {
  const worker = `import { Worker } from 'node:worker_threads';
const start = (body) => new Worker(\`
  import(${JSON.stringify(library)}).then(async (netlink) => {
    const { parentPort } = await import('node:worker_threads');
    const netns = \${JSON.stringify(netns)};
    const everything = { groups: [1, 3, 7], onMessage() {}, onOverflow() {}, onError() {} };
    const many = \${many.toString()};
    \${body}
  });\`, { eval: true });
const ended = (each) => new Promise((resolve, reject) => each.once('exit', resolve).once('error', reject));
const said = (each) => new Promise((resolve, reject) => each.once('message', resolve).once('error', reject));
`;

  test.each([
    [
      'open, use, close and end',
      `const code = await ended(start(\`
        const p = netlink.openNetlink({ netns }); p.monitor(everything); await p.send(many(100)); p.close();\`));
      if (code !== 0) throw new Error('code ' + code);`,
    ],
    [
      'end with all left open',
      `await Promise.all([1, 2, 3, 4].map(() => ended(start(\`
        const p = netlink.openNetlink({ netns }); p.monitor(everything); p.send(many(5000)); process.exit(0);\`))));`,
    ],
    [
      'are terminated while they work',
      `const each = start(\`
        const p = netlink.openNetlink({ netns }); p.monitor(everything);
        parentPort.postMessage('begun'); for (;;) await p.send(many(5000));\`);
      await said(each);
      await each.terminate();
      const p = netlink.openNetlink({ netns }); await p.query(netlink.getLink('lo'));`,
    ],
  ])('%s', async (_, program) => {
    expect(await run(worker + program)).toMatchObject(clean);
  });
});
