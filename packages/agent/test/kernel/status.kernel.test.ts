import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import type { LabHost } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import type { Exit } from '../support/program.js';
import { run } from '../support/program.js';
import { TestHost } from '../support/test-host.js';
import { until } from '../support/until.js';

/** Connects to the socket that it is given, and says what came of it. */
const CONNECT = `
require('node:net').connect({ path: process.argv[1] })
  .on('connect', () => { console.log('connected'); process.exit(); })
  .on('error', (error) => console.log(error.code));
`;

/** Asks over HTTP and prints the status and the body. */
const ASK = `fetch(process.argv[1]).then(async (answer) => console.log(answer.status, await answer.text()))`;

/** Prints what a UNIX datagram socket is sent, an empty line after each. Node has none. */
const LISTEN = `
use IO::Socket::UNIX;
$| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
while (defined $socket->recv(my $text, 4096)) { print "$text\\n\\n" }
`;

class Listener implements AsyncDisposable {
  heard = '';
  readonly #child: ChildProcess;

  constructor(path: string) {
    this.#child = spawn('perl', ['-e', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.heard += text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill();
    await ended;
  }
}

const VNI_2 = { Network: '10.244.0.0/16', Backend: { Type: 'vxlan', VNI: 2 } };

function overlay(host: TestHost, command: string, ...more: string[]): Promise<Exit> {
  const args = [command, `--run-dir=${host.folder.at('control')}`, ...more];
  return run({ name: 'overlay', netns: host.netns, args });
}

describe('overlay status', () => {
  test('says how the agent is: absent, waiting, ready, killed, ready again, ended', async () => {
    await using host = await TestHost.create({ withInterface: false });
    const absent = await overlay(host, 'status');
    expect(absent).toMatchObject({ code: 2, stdout: '' });
    expect(absent.stderr).toBe('overlay status: no agent of instance default runs in this network namespace\n');
    const json = await overlay(host, 'status', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ phase: 'absent' });
    expect(json.code).toBe(2);

    const first = host.start('--host-id=h1');
    await first.says('there is no such interface');
    const waiting = await overlay(host, 'status');
    expect(waiting).toMatchObject({ code: 1, stderr: '' });
    expect(waiting.stdout).toMatch(/^NOT READY +host h1, instance default; overlayd pid \d+/);
    expect(waiting.stdout).toMatch(/^waiting for interface: --iface eth0: there is no such interface/m);

    await host.addInterface();
    await until(async () => (await overlay(host, 'status')).code === 0, 'overlay status says ready');
    const ready = await overlay(host, 'status');
    expect(ready.stdout).toMatch(/^ready +host h1/);
    expect(ready.stdout).toMatch(/^backend +vxlan, MTU 1450 for pods$/m);
    expect(ready.stdout).toMatch(/^lease +10\.244\.\d+\.0\/24; until /m);
    expect(ready.stdout).toMatch(/^peers +0; 4 objects in the kernel/m);
    expect(JSON.parse((await overlay(host, 'status', '--json')).stdout)).toMatchObject({
      phase: 'ready',
      program: { pid: first.pid, instance: 'default' },
    });

    first.kill('SIGKILL');
    await first.exited;
    expect(readdirSync(host.folder.at('control')).some((name) => name.endsWith('.sock'))).toBe(true);
    expect((await overlay(host, 'status')).code).toBe(2);
    const second = host.start('--host-id=h1');
    await second.says('ready after');
    expect((await overlay(host, 'status')).code).toBe(0);
    second.kill('SIGTERM');
    await second.exited;
    expect(readdirSync(host.folder.at('control')).some((name) => name.endsWith('.sock'))).toBe(false);
    expect((await overlay(host, 'status')).code).toBe(2);
  }, 60_000);

  test('says whose socket is out of sight, and that only root may ask', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    await agent.says('ready after');
    const elsewhere = await overlay(host, 'status', '--run-dir=/nowhere');
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain(`the agent of instance default (pid ${agent.pid}) does not listen on /nowhere/`);
    expect(existsSync('/nowhere')).toBe(false);
    const [socket] = readdirSync(host.folder.at('control')).filter((name) => name.endsWith('.sock'));
    expect(socket).toMatch(/^default-\d+\.sock$/);
    // Nothing but the socket itself is in the way of somebody else.
    chmodSync(host.folder.path, 0o755);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
    const args = ['netns', 'exec', host.netns, ...nobody, '-e', CONNECT, host.folder.at('control', String(socket))];
    const { NODE_OPTIONS: _ignored, ...env } = process.env;
    expect((await promisify(execFile)('ip', args, { env })).stdout).toBe('EACCES\n');
  });

  test('tells a wrong command line in one line', async () => {
    const wrong = await run({ name: 'overlay', args: ['status', '--jsn'] });
    expect(wrong).toMatchObject({ code: 64, stdout: '' });
    expect(wrong.stderr).toBe('overlay status: "--jsn" is no flag of overlay status; did you mean --json?\n');
    const help = await run({ name: 'overlay', args: ['status', '--help'] });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes: 0 ready, 1 not ready, 2 no agent');
    expect((await run({ name: 'overlay', args: ['--help'] })).stdout).toMatch(/status.*\n.*apply.*\n.*cleanup/);
  });
});

describe('overlay apply', () => {
  test('takes what is pending, says what that changed, and has nothing to do after that', async () => {
    await using host = await TestHost.create();
    expect((await overlay(host, 'apply')).code).toBe(2);
    const agent = host.start();
    await agent.says('ready after');
    const none = await overlay(host, 'apply');
    expect(none).toMatchObject({ code: 0, stdout: 'no configuration is pending\n' });

    host.writeNetConf(VNI_2);
    const status = await until(async () => {
      const { stdout } = await overlay(host, 'status');
      return stdout.includes('pending') && stdout;
    }, 'it is pending');
    expect(status).toMatch(/^pending +Backend\.VNI \(default\) becomes 2$/m);
    expect(await host.link('flannel.2')).toBeUndefined();
    const taken = await overlay(host, 'apply');
    expect(taken).toMatchObject({ code: 0, stderr: '' });
    expect(taken.stdout).toBe('taken: Backend.VNI (default) becomes 2\n');
    await until(() => host.link('flannel.2'), 'the new device is there');
    expect((await overlay(host, 'status')).stdout).not.toContain('pending ');
    expect((await overlay(host, 'apply')).stdout).toBe('no configuration is pending\n');
  });
});

test('the whole status is for the host itself, by whichever of its addresses; health is for everybody', async () => {
  await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'host-gw' } });
  const [host, other] = [overlay.host(0), overlay.host(1)];
  overlay.start(host, '--healthz-ip=0.0.0.0');
  await host.waitReady();
  const ask = async (from: LabHost, address: string, path: string): Promise<string> => {
    const url = `http://${address}:8081${path}`;
    const { stdout } = await from.exec([process.execPath, '-e', ASK, url], { env: {} });
    return stdout.trim();
  };
  const address = String(host.addresses.ipv4);
  expect(await ask(host, '127.0.0.1', '/status')).toMatch(/^200 \{/);
  expect(await ask(host, address, '/status')).toMatch(/^200 \{/);
  expect(await ask(other, address, '/status')).toMatch(/^403 the status is told on this host only: [^{}]*$/);
  expect(await ask(other, address, '/healthz')).toBe('200 flanneld is running');
  expect(await ask(other, address, '/readyz')).toMatch(/^200 flanneld is ready/);
}, 30_000);

test('systemd is told that the host is ready, and that the agent ends', async () => {
  await using host = await TestHost.create();
  const socket = host.folder.at('notify');
  await using listener = new Listener(socket);
  await until(() => existsSync(socket), 'somebody listens');
  const agent = host.startWith({ NOTIFY_SOCKET: socket });
  await until(() => listener.heard.includes('READY=1'), 'it is told');
  expect(listener.heard).toBe('READY=1\nSTATUS=ready\n\n');
  expect((await host.get('/readyz')).status).toBe(200);
  agent.kill('SIGTERM');
  expect((await agent.exited).code).toBe(0);
  await until(() => listener.heard.endsWith('STOPPING=1\n\n'), 'it is told of the end');

  await using absent = host.startWith({ NOTIFY_SOCKET: '@ovt-nobody-listens' });
  await absent.says('telling systemd READY=1 STATUS=ready: sending a datagram to @ovt-nobody-listens');
  expect((await host.get('/readyz')).status).toBe(200);
});
