import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import type { LabReport } from '@overlay/lab';
import { poll } from '../../dist/system/poll.js';
import { describeKernel } from '../support/kernel.js';
import { leftovers, NOTHING } from '../support/leftovers.js';
import { openRunDirectory } from '../support/run-directory.js';

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

// A lab is a dozen processes and a hundred pings; on a busy machine the usual limit is too near.
jest.setTimeout(120_000);

const program = fileURLToPath(new URL('../support/lab-main.js', import.meta.url));
let runDirectory: string;
let ids: string[] = [];
let running: ChildProcess[] = [];

function labIds(): string[] {
  return readdirSync(runDirectory).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
}

/** Starts `overlay lab` with the static agent. Whatever lab appears in the run folder counts as its. */
function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const { NODE_OPTIONS: _ignored, ...inherited } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...inherited, LAB_RUN_DIRECTORY: runDirectory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

async function lab(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
  return await start(args, env).ended;
}

function report(ended: Ended): LabReport {
  return JSON.parse(ended.stdout) as LabReport;
}

/** Waits until the lab of a running command has as many agents as hosts, and remembers its id. */
async function waitForAgents(count: number): Promise<string> {
  const up = await poll(
    () => {
      const [id] = labIds();
      if (id === undefined) return false;
      return leftovers(runDirectory, [id]).processes.filter((line) => line.includes('static-agent')).length === count;
    },
    { timeoutMs: 20_000 },
  );
  expect(up).toBe(true);
  const id = labIds()[0];
  ids.push(id);
  return id;
}

beforeAll(async () => {
  runDirectory = await openRunDirectory('command');
});

afterEach(async () => {
  for (const child of running) if (child.exitCode === null) child.kill('SIGKILL');
  await lab(['down']);
  running = [];
  const left = leftovers(runDirectory, ids);
  ids = [];
  expect(left).toEqual(NOTHING);
});

afterAll(() => rmSync(runDirectory, { recursive: true, force: true }));

describeKernel('overlay lab', () => {
  test('--json prints one object, exit code 0, and leaves nothing', async () => {
    const ended = await lab(['--json', '--hosts', '2', '--family', 'dual', '--perf', '--backend', 'host-gw']);
    expect(ended).toMatchObject({ code: 0 });
    const { ok, backend, family, hosts, pings, throughput } = report(ended);
    ids = hosts.map(({ netns }) => netns.split('-')[1]);
    expect({ ok, backend, family }).toEqual({ ok: true, backend: 'host-gw', family: 'dual' });
    expect(hosts[1]).toMatchObject({
      name: 'h2',
      netns: expect.stringMatching(/^ovl-[0-9a-f]{6}-h2$/),
      publicIP: '192.168.77.12',
      subnet: '10.244.2.0/24',
      subnets: { ipv4: '10.244.2.0/24', ipv6: 'fd00:10:244:2::/64' },
      mtu: 1500,
      pods: [{ netns: expect.stringMatching(/-h2p1$/), address: '10.244.2.2' }],
    });
    expect(pings).toHaveLength(20);
    expect(pings).toContainEqual(
      expect.objectContaining({
        from: '10.244.1.2',
        to: '10.244.2.2',
        sent: 3,
        received: 3,
        rttMs: expect.any(Number),
      }),
    );
    expect(throughput.map(({ from, to, mbps }) => [from, to, mbps > 0])).toEqual([
      ['10.244.2.2', '10.244.1.2', true],
      ['fd00:10:244:2::2', 'fd00:10:244:1::2', true],
    ]);
    expect(leftovers(runDirectory, ids)).toEqual(NOTHING);
  });

  test('for a person: topology, leases, matrix on stdout, progress on stderr', async () => {
    const { code, stdout, stderr } = await lab(['--hosts', '2', '--underlay', 'flat']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/└─ br0 {2}192\.168\.77\.0\/24/);
    expect(stdout).toMatch(/^h2 +10\.244\.2\.0\/24 +1500 +\d+ ms +10\.244\.2\.2$/m);
    expect(stdout).toMatch(/^h1p1 +\d+\.\d\d +\d+\.\d\d +· +\d+\.\d\d$/m);
    expect(stdout).toMatch(/^10 of 10 came back/m);
    expect(stderr).toMatch(/^agents ready 2\/2$/m);
  });

  test('a route that is missing: exit code 1, which pings, the next command, the log', async () => {
    const { code, stdout, stderr } = await lab(['--hosts', '3'], { STATIC_AGENT_FAULT: 'skip-h2' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/LOST/);
    expect(stderr).toMatch(/^h1p1 -> h2p1 \(10\.244\.2\.2\): 0 of 3 came back: /m);
    expect(stderr).toMatch(
      /^next, after running it again with --keep: ip netns exec ovl-\w+-h1 ip route get 10\.244\.2\.2$/m,
    );
    expect(stderr).toMatch(/^h2: \/readyz 200 static routes are set$/m);
    expect(stderr).toMatch(/^ {2}static agent of h2/m);
  });

  test('host-gw on a routed underlay: the pair on one segment works, the others do not, exit code 1', async () => {
    const ended = await lab(['--json', '--underlay', 'routed', '--hosts', '3']);
    expect(ended.code).toBe(1);
    const { ok, pings } = report(ended);
    expect(ok).toBe(false);
    const received = (from: string, to: string): number | undefined =>
      pings.find((ping) => ping.from === from && ping.to === to)?.received;
    expect(received('10.244.1.2', '10.244.2.2')).toBe(3);
    expect(received('10.244.1.2', '10.244.3.2')).toBe(0);
  });

  test('an agent that ends: exit code 1, its log, still one object', async () => {
    const ended = await lab(['--json'], { STATIC_AGENT_FAULT: 'exit' });
    expect(ended.code).toBe(1);
    expect(report(ended)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^agent on h\d: exit code 7$/),
      pings: [],
    });
    expect(ended.stderr).toMatch(/^ {2}this agent ends on purpose$/m);
  });

  test('a size that does not pass: exit code 1', async () => {
    const ended = await lab(['--json', '--hosts', '2'], { STATIC_AGENT_FAULT: 'mtu' });
    expect(ended.code).toBe(1);
    expect(report(ended).pings).toContainEqual(
      expect.objectContaining({
        from: '10.244.1.2',
        to: '10.244.2.2',
        received: 3,
        fullMtu: { packetSize: 1600, sent: 1, received: 0 },
      }),
    );
  });

  test('--keep leaves it running, down removes it', async () => {
    const ended = await lab(['--keep', '--json', '--hosts', '2']);
    expect(ended.code).toBe(0);
    const [id] = labIds();
    ids.push(id);
    expect(ended.stderr).toContain(`lab ${id} is left running`);
    const left = leftovers(runDirectory, ids);
    expect(left.namespaces).toHaveLength(5);
    expect(left.processes.filter((line) => line.includes('static-agent'))).toHaveLength(2);
    // Another lab leaves it alone.
    await expect(lab(['--hosts', '2', '--json'])).resolves.toMatchObject({ code: 0 });
    expect(leftovers(runDirectory, ids).namespaces).toHaveLength(5);
    await expect(lab(['down'])).resolves.toMatchObject({ code: 0, stdout: `removed lab ${id}\n` });
    expect(leftovers(runDirectory, ids)).toEqual(NOTHING);
    await expect(lab(['down'])).resolves.toMatchObject({ code: 0, stdout: 'there is no lab to remove\n' });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s midway leaves nothing', async (signal, exitCode) => {
    const { child, ended } = start(['--json', '--hosts', '2', '--keep'], { STATIC_AGENT_FAULT: 'never-ready' });
    const id = await waitForAgents(2);
    child.kill(signal);
    // A second one does not hurry it out of its cleaning up.
    child.kill(signal);
    const { code, stdout } = await ended;
    expect(code).toBe(exitCode);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: expect.any(String) });
    expect(leftovers(runDirectory, [id])).toEqual(NOTHING);
  });

  test('killed: its agents end with it, and the next lab removes the rest', async () => {
    const { child, ended } = start(['--hosts', '2'], { STATIC_AGENT_FAULT: 'never-ready' });
    const id = await waitForAgents(2);
    child.kill('SIGKILL');
    await expect(ended).resolves.toMatchObject({ signal: 'SIGKILL' });
    await expect(poll(() => leftovers(runDirectory, [id]).processes.length === 0, { timeoutMs: 5000 })).resolves.toBe(
      true,
    );
    expect(leftovers(runDirectory, [id]).namespaces).toHaveLength(3);
    await expect(lab(['--hosts', '2', '--json'])).resolves.toMatchObject({ code: 0 });
    expect(leftovers(runDirectory, [id])).toEqual(NOTHING);
  });

  test('killed with --keep, whose agents outlive it: the next lab removes them too', async () => {
    const { child, ended } = start(['--hosts', '2', '--keep'], { STATIC_AGENT_FAULT: 'never-ready' });
    const id = await waitForAgents(2);
    child.kill('SIGKILL');
    await ended;
    expect(leftovers(runDirectory, [id]).processes).toHaveLength(2);
    await expect(lab(['down'])).resolves.toMatchObject({ stdout: `removed lab ${id}\n` });
    expect(leftovers(runDirectory, [id])).toEqual(NOTHING);
  });

  test('a reader that goes away ends it early, and nothing is left', async () => {
    const { child, ended } = start(['--hosts', '2']);
    child.stdout?.destroy();
    child.stderr?.destroy();
    // It prints as soon as the hosts are there, so it may never get as far as to start agents.
    await expect(poll(() => labIds().length === 1, { timeoutMs: 20_000 })).resolves.toBe(true);
    const id = labIds()[0];
    ids.push(id);
    await expect(ended).resolves.toMatchObject({ code: 1, signal: null });
    expect(leftovers(runDirectory, [id])).toEqual(NOTHING);
  });

  test('wrong usage: one line, exit code 2; a wrong net-conf: one line, exit code 1', async () => {
    const usage = await lab(['--hosts', 'many', '--json']);
    expect(usage).toMatchObject({ code: 2, stdout: '' });
    expect(usage.stderr).toMatch(/^overlay lab: .*\n$/);
    const netConf = path.join(mkdtempSync(path.join(tmpdir(), 'overlay-lab-test-')), 'net-conf.json');
    try {
      writeFileSync(netConf, '{"Network":"10.0.0.0"}');
      const wrong = await lab(['--net-conf', netConf]);
      expect(wrong).toMatchObject({ code: 1, stdout: '' });
      expect(wrong.stderr).toMatch(/^.*net-conf\.json: Network: .*\n$/);
    } finally {
      rmSync(path.dirname(netConf), { recursive: true });
    }
  });

  test('programs that are missing: one line with their packages, exit code 3', async () => {
    const missing = await lab(['--perf'], { PATH: '/nowhere' });
    expect(missing).toMatchObject({
      code: 3,
      stdout: '',
      stderr:
        'lab: ip, nsenter, setpriv, ping, iperf3 not found in PATH: apt-get install iperf3 iproute2 iputils-ping util-linux\n',
    });
  });
});
