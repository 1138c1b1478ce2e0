import { copyFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { LoopbackCertificates } from './support/certificates.js';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { EtcdHost, PREFIX, SUBNETS } from './support/etcd-host.js';
import { EtcdServer } from './support/etcd-server.js';

const FAST = { confirmMs: 300, certificateMs: 200, timeoutMs: 2_000 };

describeWithEtcd('TLS', () => {
  let certificates: LoopbackCertificates;
  let server: EtcdServer;
  const hosts: EtcdHost[] = [];
  beforeAll(() => {
    certificates = new LoopbackCertificates();
  });
  afterAll(() => certificates.dispose());
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.manager.close()));
    await server.dispose();
  });

  function host(...[options, urls]: [ConstructorParameters<typeof EtcdHost>[2], string[]?]): EtcdHost {
    const made = new EtcdHost({ urls: urls ?? server.urls }, hosts.length + 1, { ...FAST, ...options });
    hosts.push(made);
    return made;
  }

  test('a CA alone is enough, for an address and for a name', async () => {
    server = await EtcdServer.start({ tls: { certificates } });
    const tls = { ca: certificates.file('ca.crt') };
    await host({ tls }).acquire();
    const port = new URL(server.urls[0]).port;
    await host({ tls }, [`https://localhost:${port}`]).acquire();
    // Without a scheme, files for TLS mean TLS.
    await host({ tls }, [`127.0.0.1:${port}`]).acquire();
    for (const each of hosts) await each.sees('host-1', 'host-2', 'host-3');
  });

  test('a server that another authority vouches for is refused, and it is said why', async () => {
    server = await EtcdServer.start({ tls: { certificates } });
    certificates.makeAuthority('stranger');
    const late = host({ tls: { ca: certificates.file('stranger.crt') } });
    const acquiring = late.acquire();
    await until('it is said', () => late.warnings.length > 1);
    expect(late.warnings.join('\n')).toMatch(/certificate/);
    expect(await server.keys(SUBNETS)).toEqual([]);
    await late.manager.close();
    await expect(acquiring).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  });

  test('a certificate for another address is refused, and it is said why', async () => {
    certificates.issue('elsewhere', 'ca', 'IP:192.0.2.1,DNS:etcd');
    server = await EtcdServer.start({ tls: { certificates, name: 'elsewhere' }, unchecked: true });
    const late = host({ tls: { ca: certificates.file('ca.crt') } });
    const acquiring = late.acquire();
    await until('it is said', () => late.warnings.length > 1);
    expect(late.warnings.join('\n')).toMatch(/127\.0\.0\.1 is not in the cert's list/);
    await late.manager.close();
    await expect(acquiring).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  });

  test('a certificate that is replaced is used, without a lost lease', async () => {
    server = await EtcdServer.start({ tls: { certificates, clientAuth: true } });
    const [ca, cert, key] = ['ca.crt', 'client.crt', 'client.key'].map((name) => {
      copyFileSync(certificates.file(name), certificates.file(`used-${name}`));
      return certificates.file(`used-${name}`);
    });
    const one = host({ tls: { ca, cert, key } });
    await one.acquire();
    await one.sees('host-1');
    certificates.issueForLoopback('client');
    copyFileSync(certificates.file('client.crt'), cert);
    copyFileSync(certificates.file('client.key'), key);
    await until('it connects anew', () => one.logger.lines.some((line) => line.includes('certificate files')));
    await server.put(`${SUBNETS}10.5.2.0-24`, '{"PublicIP":"192.0.2.2"}');
    await one.sees('host-1', '10.5.2.0-24');
    expect(one.warnings).toEqual([]);
    expect(one.watched.snapshots).toBe(1);
  });

  test('the watch goes on at once when the connection is made anew, whatever its own limits are', async () => {
    server = await EtcdServer.start({ tls: { certificates, clientAuth: true } });
    const [ca, cert, key] = ['ca.crt', 'client.crt', 'client.key'].map((name) => {
      copyFileSync(certificates.file(name), certificates.file(`watched-${name}`));
      return certificates.file(`watched-${name}`);
    });
    const one = new EtcdHost(server, 1, { certificateMs: 200, tls: { ca, cert, key } });
    hosts.push(one);
    await one.acquire();
    await one.sees('host-1');
    certificates.issueForLoopback('client');
    copyFileSync(certificates.file('client.crt'), cert);
    copyFileSync(certificates.file('client.key'), key);
    await until('it connects anew', () => one.logger.lines.some((line) => line.includes('certificate files')));
    await server.put(`${SUBNETS}10.5.2.0-24`, '{"PublicIP":"192.0.2.2"}');
    // Its own doubt would come after 30 s and 5 s.
    await until('it sees the peer', () => one.watched.leases.has('10.5.2.0-24'));
    expect(one.warnings).toEqual([]);
    expect(one.watched.snapshots).toBe(1);
  });

  test('an authority that is replaced is taken from its file, without a lost lease', async () => {
    using own = new LoopbackCertificates();
    server = await EtcdServer.start({ tls: { certificates: own } });
    const ca = own.file('used-ca.crt');
    copyFileSync(own.file('ca.crt'), ca);
    const one = host({ tls: { ca } });
    await one.acquire();
    await one.sees('host-1');
    // The server first, as the harder order: until the file has changed nobody may be talked to.
    own.makeAuthority('successor');
    own.issue('server', 'successor', 'IP:127.0.0.1,DNS:localhost');
    // What etcdctl trusts.
    copyFileSync(own.file('successor.crt'), own.file('ca.crt'));
    await server.members[0].stop();
    server.members[0].start();
    await server.ready();
    const ready = Date.now();
    await until('it goes without etcd', () => Date.now() > ready + 1_000);
    expect(one.manager.confirmedAt()).toBeLessThan(ready);
    expect([...one.watched.leases.keys()]).toEqual(['host-1']);
    copyFileSync(own.file('successor.crt'), ca);
    await server.put(`${SUBNETS}10.5.2.0-24`, '{"PublicIP":"192.0.2.2"}');
    await one.sees('host-1', '10.5.2.0-24');
    await one.noProblem();
    expect(one.watched.snapshots).toBe(1);
    await one.manager.close();
  });

  test('a certificate that is missing at first is waited for', async () => {
    server = await EtcdServer.start({ tls: { certificates, clientAuth: true } });
    const cert = certificates.file('later.crt');
    const one = host({ tls: { ca: certificates.file('ca.crt'), cert, key: certificates.file('client.key') } });
    const acquiring = one.acquire();
    await until('it is said', () => one.warnings.some((line) => line.includes('later.crt')));
    copyFileSync(certificates.file('client.crt'), cert);
    await acquiring;
    await one.sees('host-1');
  });
});

describeWithEtcd('users', () => {
  let server: EtcdServer;
  const hosts: EtcdHost[] = [];
  beforeAll(async () => {
    // Tokens that end after 2 s without use.
    server = await EtcdServer.start({ args: ['--auth-token-ttl=2'] });
    await server.ctl('user', 'add', 'root:root');
    await server.ctl('user', 'grant-role', 'root', 'root');
    await server.ctl('role', 'add', 'overlay');
    await server.ctl('role', 'grant-permission', 'overlay', '--prefix=true', 'readwrite', `${PREFIX}/`);
    await server.ctl('user', 'add', 'overlay:first');
    await server.ctl('user', 'grant-role', 'overlay', 'overlay');
    await server.ctl('user', 'add', 'stranger:first');
    await server.ctl('auth', 'enable');
    server.ctlArgs = ['--user', 'root:root'];
  });
  afterAll(() => server.dispose());
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.manager.close()));
    await server.ctl('del', '--prefix', '/');
  });

  function host(options: ConstructorParameters<typeof EtcdHost>[2]): EtcdHost {
    const made = new EtcdHost(server, hosts.length + 1, { ...FAST, ...options });
    hosts.push(made);
    return made;
  }

  test('a token that has expired is replaced, unseen', async () => {
    const one = host({ username: 'overlay', password: 'first' });
    await one.acquire();
    await one.sees('host-1');
    const start = Date.now();
    // Nothing but the watch uses it meanwhile, and that only once.
    await until('the token has expired', () => Date.now() > start + 5_000);
    await one.own?.publish(one.state.lease.attributes, { signal: AbortSignal.timeout(5_000) });
    await server.ctl('del', one.key);
    await until('the lease is there again', async () => (await server.keys(SUBNETS)).length === 1);
    await one.sees('host-1');
    one.manager.resync();
    await until('a new list', () => one.watched.snapshots === 2);
    expect(one.warnings).toEqual([]);
  });

  test('a changed password is read again', async () => {
    const file = `${server.directory}/password`;
    writeFileSync(file, 'first\n');
    let asked = 0;
    const one = host({ username: 'overlay', password: { file } });
    const other = host({ username: 'overlay', password: () => (asked++ === 0 ? 'first' : 'second') });
    await one.acquire();
    await other.acquire();
    await server.changePassword('overlay', 'second');
    writeFileSync(file, 'second');
    for (const each of [one, other]) each.manager.resync();
    await until('both list again', () => [one, other].every(({ watched }) => watched.snapshots === 2));
    await server.changePassword('overlay', 'first');
    expect(asked).toBeGreaterThan(1);
  });

  test('a wrong password and missing rights are told with the remedy, and waited out', async () => {
    const wrong = host({ username: 'overlay', password: 'wrong' });
    const stranger = host({ username: 'stranger', password: 'first' });
    const nobody = host({});
    const acquiring = [wrong, stranger, nobody].map((each) =>
      each.acquire().then(
        () => 'acquired',
        (error: { code: string }) => error.code,
      ),
    );
    await until('all say it', () => hosts.every(({ warnings }) => warnings.some((line) => line.includes('acquiring'))));
    const said = hosts.map(({ warnings }) => warnings.find((line) => line.includes('acquiring')) ?? '');
    expect(said[0]).toMatch(/check the user and the password/);
    expect(said[1]).toMatch(/grant the user's role readwrite on everything under the prefix/);
    expect(said[2]).toMatch(/check the user and the password/);
    expect(said.join()).not.toContain('wrong');
    await server.ctl('user', 'grant-role', 'stranger', 'overlay');
    expect(await acquiring[1]).toBe('acquired');
    await stranger.sees('host-2');
    await server.ctl('user', 'revoke-role', 'stranger', 'overlay');
    await Promise.all([wrong, nobody].map(({ manager }) => manager.close()));
    expect(await Promise.all(acquiring)).toEqual(['OVERLAY_CLOSED', 'acquired', 'OVERLAY_CLOSED']);
  });
});

describeWithEtcd('a user where there are none', () => {
  test('does no harm, as with flanneld', async () => {
    const server = await EtcdServer.start();
    const host = new EtcdHost(server, 1, { username: 'overlay', password: 'x' });
    try {
      await host.acquire();
      await host.sees('host-1');
      expect(host.warnings).toEqual([]);
    } finally {
      await host.manager.close();
      await server.dispose();
    }
  });
});
