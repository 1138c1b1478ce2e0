import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { AgentStatus, Finding, NetConf } from '@overlay/core';
import { parseAddress, parseNetConf } from '@overlay/core';
import { healthz, readyz, statusAnswer } from '../../dist/health/answers.js';
import { listenHealth } from '../../dist/health/server.js';

const READY: AgentStatus = {
  phase: 'ready',
  hostId: 'h1',
  readiness: { ready: true, reasons: [] },
  waitingFor: [],
  problems: [],
  peers: 0,
  heldLeases: [],
  heldLeaseCount: 0,
  heldRemovals: [],
  heldRemovalCount: 0,
  conflicts: [],
  findings: [],
};

const FINDING: Finding = { level: 'warning', check: 'x', message: 'FORWARD drops', remedy: 'run: y' };

function netConf(): NetConf {
  return parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"wireguard","PSK":"s3cret","Port":7}}', {
    source: 'x',
  });
}

describe('/readyz', () => {
  test('ready', () => {
    expect(readyz(READY, [])).toMatchObject({ status: 200, body: 'flanneld is ready\n' });
  });

  test('before there is an agent', () => {
    expect(readyz(undefined, [])).toMatchObject({
      status: 503,
      body: expect.stringMatching(/^flanneld is not ready yet\n/),
    });
  });

  test('not ready: 503, and for what it waits', () => {
    const reasons = [
      { condition: 'interface', message: 'no eth0' } as const,
      { condition: 'lease', message: 'none' } as const,
    ];
    const status = { ...READY, readiness: { ready: false, reasons }, waitingFor: ['interface: no eth0'] };
    expect(readyz(status, [])).toMatchObject({
      status: 503,
      body: 'flanneld is not ready yet\nwaiting: interface: no eth0\n',
    });
  });

  test('trouble of peers and of the store is told, and it stays 200', () => {
    const problems = Array.from({ length: 30 }, (_, at) => ({ peer: `p${at}`, message: 'behind a router' }));
    const { status, body } = readyz(
      {
        ...READY,
        problems: ['the store is away'],
        network: { peers: 30, objects: 0, pending: 0, failed: 30, problems },
        heldLeases: [{ key: 'bad', reasons: { ipv4: 'outside the network' } }],
        heldLeaseCount: 3,
        findings: [FINDING],
        pending: { netConf: netConf(), changes: ['Backend.VNI 1 becomes 2'] },
      },
      [{ ...FINDING, message: 'no forwarding' }],
    );
    expect(status).toBe(200);
    expect(body.split('\n')).toEqual([
      'flanneld is ready',
      'pending until the next restart or overlay apply: Backend.VNI 1 becomes 2',
      'problem: the store is away',
      ...problems.slice(0, 20).map(({ peer }) => `peer ${peer}: behind a router`),
      'and 10 more problems; 30 objects or peers in all',
      'held lease bad: ipv4: outside the network',
      'and 2 more held leases',
      'warning: no forwarding; run: y',
      'warning: FORWARD drops; run: y',
      '',
    ]);
  });

  test('peers that answered before and do not any more are told, and it stays 200', () => {
    const paths = Array.from({ length: 30 }, (_, at) => ({
      peer: `p${at}`,
      family: 'ipv4' as const,
      target: parseAddress(`10.244.${at}.0`),
      state: at < 25 ? ('unreachable' as const) : ('unknown' as const),
      sent: 10,
      lost: 5,
      unreachableSince: 1_700_000_000_000,
      ...(at === 1 && { problem: 'Network is unreachable' }),
    }));
    const reachability = { rate: 5, counts: { reachable: 3, unreachable: 40, unknown: 5 }, peers: paths };
    const { status, body } = readyz(READY, [], reachability);
    expect(status).toBe(200);
    const lines = body.trimEnd().split('\n');
    const since = 'any more, since 2023-11-14T22:13:20.000Z';
    expect(lines[1]).toBe(`warning: peer p0 does not answer ipv4 probes of 10.244.0.0 ${since}`);
    expect(lines[2]).toBe(
      `warning: peer p1 does not answer ipv4 probes of 10.244.1.0 ${since} (Network is unreachable)`,
    );
    expect(lines.slice(20)).toEqual([expect.stringContaining('p19 '), 'and 20 more do not answer probes']);
    const { body: without } = readyz(READY, [], {
      ...reachability,
      counts: { reachable: 0, unreachable: 0, unknown: 0 },
      peers: [],
      problem: 'not installed',
    });
    expect(without).toBe('flanneld is ready\nwarning: peers are not all probed: not installed\n');
  });
});

test('/healthz', () => {
  expect(healthz()).toMatchObject({ status: 200, body: 'flanneld is running\n' });
});

test('/status is JSON without what may be secret', () => {
  const { status, body } = statusAnswer({
    status: { ...READY, config: netConf() },
    findings: [FINDING],
    kernelWrites: 3,
    program: { instance: 'default', pid: 7, version: '1.2.3', startedAt: 0 },
  });
  expect(status).toBe(200);
  expect(body).not.toContain('s3cret');
  expect(JSON.parse(body)).toMatchObject({
    phase: 'ready',
    config: { backend: { type: 'wireguard', options: { PSK: '(text)', Port: 7 } } },
    findings: [FINDING],
    kernelWrites: 3,
    program: { instance: 'default', pid: 7 },
  });
});

describe('listening', () => {
  const { signal } = new AbortController();
  const answer = async (path: string): Promise<ReturnType<typeof healthz> | undefined> =>
    path === '/healthz' ? healthz() : undefined;

  test('answers GET and HEAD over HTTP, several on one connection, and nothing else', async () => {
    const server = await listenHealth({ address: '127.0.0.1', port: 0, signal, answer });
    try {
      const at = `http://127.0.0.1:${server.port}`;
      for (let time = 0; time < 3; time++) {
        const response = await fetch(`${at}/healthz?verbose`);
        expect([response.status, await response.text()]).toEqual([200, 'flanneld is running\n']);
      }
      const head = await fetch(`${at}/healthz`, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
      expect((await fetch(`${at}/else`)).status).toBe(404);
      const post = await fetch(`${at}/healthz`, { method: 'POST', body: 'x' });
      expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      await post.text();
    } finally {
      server.close();
    }
  });

  test('waits a moment for the port of one that is just ending', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const listening = listenHealth({ address: '127.0.0.1', port, signal, answer });
    await new Promise((resolve) => holder.close(resolve));
    const server = await listening;
    expect(server.port).toBe(port);
    server.close();
  });

  test('a port that stays taken: an error that names the flag', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    const listening = listenHealth({ address: '127.0.0.1', port, signal, answer });
    await expect(listening).rejects.toMatchObject({ code: 'OVERLAY_HEALTH_LISTEN', key: '--healthz-port' });
    await new Promise((resolve) => holder.close(resolve));
  });

  test('an address that is not this host’s: an error that names the flag', async () => {
    const listening = listenHealth({ address: '192.0.2.200', port: 9980, signal, answer });
    await expect(listening).rejects.toMatchObject({ code: 'OVERLAY_HEALTH_LISTEN', key: '--healthz-ip' });
  });
});
