import { readFileSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import type { PathReport, Reachability } from '@overlay/core/reachability';
import type { LabHost } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import { prepareRawSocket } from '../support/raw-socket.js';
import { until } from '../support/until.js';

jest.setTimeout(90_000);

const unavailable = prepareRawSocket();
const probing = unavailable === undefined ? test : test.skip;
const why = unavailable === undefined ? '' : ` (${unavailable})`;

/** From the moment that packets stop passing, or pass again, until that is shown. */
const SHOWN_MS = 8_000;

async function reachability(overlay: OverlayLab, host: LabHost): Promise<Reachability> {
  const { reachability } = await overlay.status(host);
  return reachability as Reachability;
}

/** Waits until the host's probe shows so many of the paths, and those to the peer, as a test wants them. */
async function shows(
  overlay: OverlayLab,
  host: LabHost,
  what: string,
  fits: (seen: Reachability) => boolean,
): Promise<Reachability> {
  let seen: Reachability | undefined;
  return await until(
    async () => {
      seen = await reachability(overlay, host);
      return seen !== undefined && fits(seen) && seen;
    },
    `${host.name} shows ${what}`,
    SHOWN_MS,
  ).catch((error) => {
    throw new Error(`${String(error)}; it shows ${JSON.stringify(seen)}`);
  });
}

/** The paths that lead into a subnet of a host, by the beginning of the subnet.  */
function pathsTo({ peers }: Reachability, host: LabHost): readonly PathReport[] {
  const start = /FLANNEL_SUBNET=(\d+\.\d+\.\d+\.)/.exec(readFileSync(host.subnetFile, 'utf8'))?.[1];
  const key = peers.find(({ target }) => start !== undefined && target.startsWith(start))?.peer;
  return peers.filter(({ peer }) => peer === key);
}

describe('vxlan', () => {
  probing(`a peer whose device goes away is shown as unreachable, and as reachable once it is back${why}`, async () => {
    await using overlay = await OverlayLab.create({
      hosts: 3,
      families: ['ipv4', 'ipv6'],
      backend: { Type: 'vxlan' },
    });
    const [host, , gone] = [overlay.host(0), overlay.host(1), overlay.host(2)];
    for (const each of overlay.lab.hosts) overlay.start(each, ...(each === host ? ['--probe=20'] : []));
    await overlay.lab.waitReady();
    const before = await shows(overlay, host, 'four reachable paths', ({ counts }) => counts.reachable === 4);
    expect(before).toMatchObject({ rate: 20, counts: { reachable: 4, unreachable: 0, unknown: 0 } });
    expect(before.problem).toBeUndefined();
    for (const { rtt, target, family } of before.peers) {
      expect(target).toMatch(family === 'ipv4' ? /^10\.244\.\d+\.0$/ : /^fd00:244:0:[\da-f]+::$/);
      expect(rtt?.lastMs).toBeGreaterThan(0);
      expect(rtt?.lastMs).toBeLessThan(1000);
    }
    expect((await host.health('/readyz')).body).toBe('flanneld is ready\n');

    gone.agent?.kill('SIGKILL');
    await gone.agent?.exited;
    const targets = pathsTo(before, gone).map(({ target }) => target);
    for (const device of ['flannel.1', 'flannel-v6.1']) await gone.exec(['ip', 'link', 'del', device]);
    const during = await shows(overlay, host, 'two unreachable paths', ({ counts }) => counts.unreachable === 2);
    expect(during.counts).toEqual({ reachable: 2, unreachable: 2, unknown: 0 });
    // The worst first.
    const [first, second] = during.peers;
    expect([first.peer, first.state, second.state]).toEqual([second.peer, 'unreachable', 'unreachable']);
    expect(Date.now() - (first.unreachableSince ?? 0)).toBeLessThan(SHOWN_MS);
    const { status, body } = await host.health('/readyz');
    expect(status).toBe(200);
    for (const target of targets) {
      expect(body).toMatch(new RegExp(`^warning: peer \\S+ does not answer ipv[46] probes of ${target} any more`, 'm'));
    }

    overlay.start(gone);
    await shows(overlay, host, 'four reachable paths again', ({ counts }) => counts.reachable === 4);
    expect((await host.health('/readyz')).body).toBe('flanneld is ready\n');
    const log = readFileSync(host.logFile, 'utf8');
    expect(log.match(/does not answer probes of \S+ any more/g)).toHaveLength(2);
    expect(log.match(/answers probes of \S+ again, after \d+ s/g)).toHaveLength(2);
  });

  probing(`packets that this host itself refuses to send are told with the kernel's words${why}`, async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' } });
    const [host, other] = [overlay.host(0), overlay.host(1)];
    overlay.start(host, '--probe=20');
    overlay.start(other);
    await overlay.lab.waitReady();
    const before = await shows(overlay, host, 'a reachable path', ({ counts }) => counts.reachable === 1);
    const subnet = `${before.peers[0].target}/24`;
    await host.exec(['ip', 'rule', 'add', 'priority', '10', 'to', subnet, 'unreachable']);
    const { peers } = await shows(overlay, host, 'an unreachable path', ({ counts }) => counts.unreachable === 1);
    expect(peers[0].problem).toMatch(/^Network is unreachable$/);
    await host.exec(['ip', 'rule', 'del', 'priority', '10']);
    await shows(overlay, host, 'a reachable path again', ({ counts }) => counts.reachable === 1);
  });

  probing(`an agent that probes ends within a second on SIGTERM${why}`, async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' } });
    const [host, other] = [overlay.host(0), overlay.host(1)];
    const agent = overlay.start(host, '--probe');
    overlay.start(other);
    await overlay.lab.waitReady();
    await shows(overlay, host, 'a reachable path', ({ counts, rate }) => counts.reachable === 1 && rate === 5);
    const before = performance.now();
    agent.kill('SIGTERM');
    expect(await agent.exited).toMatchObject({ code: 0 });
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('host-gw', () => {
  probing(`a peer without pods is unknown; with pods their bridge answers${why}`, async () => {
    await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'host-gw' } });
    const [host, other] = [overlay.host(0), overlay.host(1)];
    overlay.start(host, '--probe=20');
    overlay.start(other);
    await overlay.lab.waitReady();
    await shows(overlay, host, 'probes that nobody answers', ({ peers }) => (peers[0]?.sent ?? 0) >= 4);
    expect((await reachability(overlay, host)).counts).toEqual({ reachable: 0, unreachable: 0, unknown: 1 });
    expect((await host.health('/readyz')).body).toBe('flanneld is ready\n');
    await overlay.lab.addPods(other);
    const { peers } = await shows(overlay, host, 'a reachable path', ({ counts }) => counts.reachable === 1);
    expect(peers[0]).toMatchObject({ lost: 0, target: expect.stringMatching(/^10\.244\.\d+\.1$/) });
    const address = `${peers[0].target}/24`;
    await other.exec(['ip', 'addr', 'del', address, 'dev', 'cni0']);
    await shows(overlay, host, 'an unreachable path', ({ counts }) => counts.unreachable === 1);
    await other.exec(['ip', 'addr', 'add', address, 'dev', 'cni0']);
    await shows(overlay, host, 'a reachable path again', ({ counts }) => counts.reachable === 1);
  });
});

test('without --probe nothing is sent and no socket is open', async () => {
  await using overlay = await OverlayLab.create({ hosts: 2, backend: { Type: 'vxlan' } });
  const host = overlay.host(0);
  await overlay.startAll();
  expect(await reachability(overlay, host)).toBeUndefined();
  for (const table of ['raw', 'raw6', 'icmp', 'icmp6']) {
    const { stdout } = await host.exec(['cat', `/proc/net/${table}`]);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  }
});
