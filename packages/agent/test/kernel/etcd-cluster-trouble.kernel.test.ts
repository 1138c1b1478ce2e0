import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Certificates, ETCD_PREFIX } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { everyHostSends } from '../support/every-host-sends.js';
import { OverlayLab } from '../support/overlay-lab.js';
import { describeWithEtcd } from '../support/servers-needed.js';
import { StoreTrouble } from '../support/store-trouble.js';
import { until } from '../support/until.js';

const SUBNETS = `${ETCD_PREFIX}/subnets/`;
/** A lease of a host that is not there: who sends to the address that it has now follows the store. */
const PROOF = `${SUBNETS}10.244.200.0-24`;
const PROOF_MAC = '02:00:00:00:00:99';
const CONVERGED_MS = 60_000;
/** After so many seconds without use a token is worth nothing. */
const TOKEN_S = 2;
const QUOTA = 2 * 1024 * 1024;

describeWithEtcd('agents with a certificate and a password, whose etcd of three members comes to harm', () => {
  let overlay: OverlayLab;
  let certificates: Certificates;
  let trouble: StoreTrouble;
  let proofs = 0;

  const hosts = (): readonly LabHost[] => overlay.lab.hosts;
  const used = (name: string): string => join(certificates.directory, `used-${name}`);
  const says = async (host: LabHost, text: RegExp): Promise<void> => {
    await until(() => trouble.news(host).some((line) => text.test(line)), `${host.name} says ${text}`, CONVERGED_MS);
  };

  /** Gives the agents a certificate. */
  function issueForAgents(): void {
    certificates.issue('agent', 'ca', 'DNS:agent');
    for (const name of ['agent.crt', 'agent.key']) copyFileSync(certificates.file(name), used(name));
  }

  async function everyHostFollows(): Promise<void> {
    const address = `192.168.77.${100 + (++proofs % 100)}`;
    const value = `{"PublicIP":"${address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${PROOF_MAC}"}}`;
    await until(
      () =>
        overlay.etcd.put(PROOF, value).then(
          () => true,
          () => false,
        ),
      'etcd takes a key',
      CONVERGED_MS,
    );
    await everyHostSends(hosts(), { mac: PROOF_MAC, address }, CONVERGED_MS);
  }

  /** Takes a host's lease away; it has to write it again. */
  async function revokeLeaseOf(host: LabHost): Promise<void> {
    const key = SUBNETS + String(host.pods[0].addresses.ipv4).replace(/\.\d+$/, '.0-24');
    const [{ lease, value }] = await overlay.etcd.keys(key);
    await overlay.etcd.ctl(['lease', 'revoke', lease]);
    const again = async (): Promise<boolean> =>
      (await overlay.etcd.keys(key)).some((found) => found.lease !== lease && found.value === value);
    await until(again, `${host.name} has taken its lease again`, CONVERGED_MS);
  }

  beforeAll(async () => {
    overlay = await OverlayLab.create({
      hosts: 3,
      backend: { Type: 'vxlan' },
      store: 'etcd',
      etcd: (lab) => {
        certificates = new Certificates(join(lab.directory, 'certificates'));
        certificates.makeAuthority('ca');
        certificates.issue('server', 'ca', `IP:${lab.server?.addresses.ipv4}`);
        issueForAgents();
        const [ca, cert, key] = ['ca.crt', 'server.crt', 'server.key'].map((name) => certificates.file(name));
        const args = [`--auth-token-ttl=${TOKEN_S}`, `--quota-backend-bytes=${QUOTA}`];
        return { members: 3, tls: { ca, cert, key }, args };
      },
    });
    const { etcd } = overlay;
    await etcd.ctl(['user', 'add', 'root:root']);
    await etcd.ctl(['user', 'grant-role', 'root', 'root']);
    await etcd.ctl(['role', 'add', 'overlay']);
    await etcd.ctl(['role', 'grant-permission', 'overlay', '--prefix=true', 'readwrite', `${ETCD_PREFIX}/`]);
    await etcd.ctl(['user', 'add', 'overlay:first']);
    await etcd.ctl(['user', 'grant-role', 'overlay', 'overlay']);
    await etcd.ctl(['auth', 'enable']);
    etcd.user = 'root:root';
    writeFileSync(used('password'), 'first\n');
    for (const host of hosts()) {
      overlay.start(
        host,
        ...[`--etcd-cafile=${certificates.file('ca.crt')}`, `--etcd-username=overlay`],
        ...[`--etcd-certfile=${used('agent.crt')}`, `--etcd-keyfile=${used('agent.key')}`],
        `--etcd-password-file=${used('password')}`,
      );
    }
    await overlay.lab.waitReady({ timeoutMs: CONVERGED_MS });
    await overlay.lab.addPods();
    await overlay.lab.waitConnected({ timeoutMs: CONVERGED_MS });
    trouble = new StoreTrouble(overlay, 1);
    await everyHostFollows();
  }, 180_000);
  afterAll(async () => {
    await overlay?.[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    trouble = new StoreTrouble(overlay, 1);
  });
  // Whatever happened: everything is as it should be, by itself.
  afterEach(async () => {
    await everyHostFollows();
    await trouble.overcome();
  }, 180_000);

  test('the leader killed, and started again', async () => {
    const all = await trouble.pings();
    const before = await overlay.etcd.leader();
    await overlay.etcd.stop('SIGKILL', before);
    await everyHostFollows();
    await overlay.etcd.start();
    expect(await overlay.etcd.leader()).not.toBe(before);
    await trouble.nothingLost(all);
  }, 180_000);

  test('tokens that have expired, and another password', async () => {
    const expired = Date.now() + (TOKEN_S + 2) * 1000;
    await until(() => Date.now() > expired, 'all tokens have expired');
    await revokeLeaseOf(overlay.host(0));
    await overlay.etcd.ctl(['user', 'passwd', 'overlay', '--interactive=false'], 'second\n');
    writeFileSync(used('password'), 'second\n');
    await revokeLeaseOf(overlay.host(1));
    for (const host of hosts()) expect(trouble.news(host).join()).not.toMatch(/first|second/);
  }, 180_000);

  test('certificates replaced, the agents’ and the server’s', async () => {
    const all = await trouble.pings();
    issueForAgents();
    for (const host of hosts()) await says(host, /certificate files/);
    await everyHostFollows();
    certificates.issue('server', 'ca', `IP:${overlay.lab.server?.addresses.ipv4}`);
    for (const member of [0, 1, 2]) {
      await overlay.etcd.stop('SIGKILL', member);
      await overlay.etcd.start();
    }
    await trouble.nothingLost(all);
  }, 180_000);

  test('its disk full, and the alarm cleared', async () => {
    const all = await trouble.pings();
    const filler = 'x'.repeat(100_000);
    const full = async (): Promise<boolean> =>
      await overlay.etcd.put(`/filler/${performance.now()}`, filler).then(
        () => false,
        () => true,
      );
    await until(full, 'etcd is full', CONVERGED_MS);
    expect(await overlay.etcd.ctl(['alarm', 'list'])).toContain('NOSPACE');
    for (const host of hosts()) expect((await host.health('/readyz')).status).toBe(200);
    // All of it before the alarm ends: a write that still finds too little space raises it again, for good.
    await overlay.etcd.ctl(['del', '--prefix', '/filler/']);
    const [{ modRevision }] = await overlay.etcd.keys(PROOF);
    const status = await overlay.etcd.ctl(['endpoint', 'status', '-w', 'json']);
    const revision = Math.max(
      modRevision,
      ...Array.from(status.matchAll(/"revision":(\d+)/g), ([, text]) => Number(text)),
    );
    await overlay.etcd.ctl(['compact', '--physical', String(revision)]);
    await overlay.etcd.ctl(['defrag']);
    await overlay.etcd.ctl(['alarm', 'disarm']);
    await trouble.nothingLost(all);
  }, 180_000);
});
