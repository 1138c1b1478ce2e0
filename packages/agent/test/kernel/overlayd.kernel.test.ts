import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Folder } from '../support/folder.js';
import { TestHost } from '../support/test-host.js';
import { until } from '../support/until.js';

const SUBNET_ENV =
  /^FLANNEL_NETWORK=10\.244\.0\.0\/16\nFLANNEL_SUBNET=10\.244\.\d+\.1\/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n$/;

/** Waits until the host's agent has written a whole subnet.env. */
async function subnetEnv(host: TestHost): Promise<string> {
  return await until(() => host.subnetEnv(), `${host.subnetFile} is there`);
}

async function stop(program: { kill(signal: NodeJS.Signals): void; exited: Promise<unknown> }): Promise<number> {
  const before = performance.now();
  program.kill('SIGTERM');
  await program.exited;
  return performance.now() - before;
}

describe('an agent of vxlan', () => {
  test('leases a subnet, makes its device, writes subnet.env, and says that it is ready', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    const text = await subnetEnv(host);
    expect(text).toMatch(SUBNET_ENV);
    expect(statSync(host.subnetFile).mode & 0o777).toBe(0o644);
    expect(readdirSync(host.folder.at('run'))).toEqual(['subnet.env']);
    const subnet = /FLANNEL_SUBNET=(10\.244\.\d+)\.1/.exec(text)?.[1];
    expect(readdirSync(host.store)).toContain(`${subnet}.0-24`);
    const device = await host.link('flannel.1');
    expect(device).toMatchObject({
      mtu: 1450,
      ifalias: 'overlay:default',
      linkinfo: { info_data: { id: 1, port: 8472 } },
    });
    expect(JSON.stringify(await host.ip('-j addr show dev flannel.1'))).toContain(`${subnet}.0`);
    expect(await host.get('/readyz')).toEqual({ status: 200, body: 'flanneld is ready\n' });
    expect(await host.get('/healthz')).toEqual({ status: 200, body: 'flanneld is running\n' });
    expect((await host.get('/nothing')).status).toBe(404);
    const status = JSON.parse((await host.get('/status')).body) as Record<string, unknown>;
    expect(status).toMatchObject({ phase: 'ready', mtu: 1450, peers: 0 });
    await agent.says('Found network config - Backend type: vxlan');
    await agent.says(`Using interface with name eth0 and address ${host.address}`);
    await agent.says(`Wrote subnet file to ${host.subnetFile}`);
  });

  test('ends within a second on SIGTERM and leaves the data path as it is', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    await subnetEnv(host);
    const before = await host.link('flannel.1');
    const tookMs = await stop(agent);
    expect(agent.exit).toMatchObject({ code: 0, signal: null });
    expect(tookMs).toBeLessThan(1000);
    expect(await host.link('flannel.1')).toEqual(before);
    expect(existsSync(host.subnetFile)).toBe(true);
    expect(agent.stderr).toContain('Exiting cleanly...');
  });

  test('has the same subnet, device and MAC after it was killed', async () => {
    await using host = await TestHost.create();
    const first = host.start();
    const before = await subnetEnv(host);
    const device = await host.link('flannel.1');
    first.kill('SIGKILL');
    await first.exited;
    rmSync(host.subnetFile);
    host.start();
    expect(await subnetEnv(host)).toBe(before);
    // The same index: it is the same device, not one made again.
    expect(await host.link('flannel.1')).toMatchObject({ ifindex: device?.['ifindex'], address: device?.['address'] });
  });

  test('gets its subnet again by subnet.env when the store was lost', async () => {
    await using host = await TestHost.create();
    const first = host.start();
    const before = await subnetEnv(host);
    await stop(first);
    rmSync(host.store, { recursive: true });
    const again = host.start('--host-id=somebody-else');
    await again.says('Wrote subnet file');
    expect(host.subnetEnv()).toBe(before);
  });

  test('survives the loss of the store while it runs and holds its subnet again', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    const before = await subnetEnv(host);
    // Gone in one instant: the agent puts its lease back into whatever is still there.
    renameSync(host.store, host.folder.at('lost'));
    const subnet = /SUBNET=(10\.244\.\d+)\.1/.exec(before)?.[1];
    await until(() => existsSync(`${host.store}/${subnet}.0-24`), 'the lease is in the store again', 25_000);
    expect(agent.exit).toBeUndefined();
    expect(host.subnetEnv()).toBe(before);
    expect(await host.link('flannel.1')).toBeDefined();
  }, 40_000);

  test('writes subnet.env once that is possible, and says until then why it is not ready', async () => {
    await using host = await TestHost.create();
    // A file where a directory is needed; root would not be stopped by a mode.
    const obstacle = host.folder.at('run');
    writeFileSync(obstacle, '');
    const agent = host.start();
    await agent.says(`cannot write ${host.subnetFile}`);
    const { status, body } = await host.get('/readyz');
    expect(status).toBe(503);
    expect(body).toMatch(/^flanneld is not ready yet\nwaiting: subnet-env: .*--subnet-file/);
    expect(agent.exit).toBeUndefined();
    rmSync(obstacle);
    expect(await subnetEnv(host)).toMatch(SUBNET_ENV);
    await until(async () => (await host.get('/readyz')).status === 200, '/readyz says 200');
  });
});

describe('two agents of one host', () => {
  test('the second one says whom it waits for, and takes over within a second', async () => {
    await using host = await TestHost.create();
    const first = host.start();
    const before = await subnetEnv(host);
    const second = host.start();
    await second.says(`the agent with pid ${first.pid} holds instance default`);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    rmSync(host.subnetFile);
    const killedAt = performance.now();
    first.kill('SIGKILL');
    await second.says('ready after');
    expect(performance.now() - killedAt).toBeLessThan(1000);
    expect(host.subnetEnv()).toBe(before);
    expect((await host.get('/readyz')).status).toBe(200);
  });

  test('one that waits ends on SIGTERM', async () => {
    await using host = await TestHost.create();
    host.start();
    await subnetEnv(host);
    const second = host.start();
    await second.says('holds instance default');
    expect(await stop(second)).toBeLessThan(1000);
    expect(second.exit).toMatchObject({ code: 0 });
  });
});

describe('a host that lacks something', () => {
  test('waits for its interface, says so once, and goes on when it appears', async () => {
    await using host = await TestHost.create({ withInterface: false });
    const agent = host.start();
    await agent.says('there is no such interface');
    const waiting = await host.get('/readyz');
    expect(waiting.status).toBe(503);
    expect(waiting.body).toContain('--iface eth0: there is no such interface');
    await host.addInterface();
    expect(await subnetEnv(host)).toMatch(SUBNET_ENV);
    await until(async () => (await host.get('/readyz')).status === 200, '/readyz says 200');
    expect(agent.stderr.match(/there is no such interface/g)).toHaveLength(1);
  });

  test('ends within a second on SIGTERM while it waits for its interface, and has made no lease', async () => {
    await using host = await TestHost.create({ withInterface: false });
    const agent = host.start();
    await agent.says('there is no such interface');
    expect(await stop(agent)).toBeLessThan(1000);
    expect(agent.exit).toMatchObject({ code: 0, signal: null });
    expect(existsSync(host.store)).toBe(false);
  });

  test('a health port that is taken ends it with one line', async () => {
    await using host = await TestHost.create();
    host.start('--instance=one');
    await subnetEnv(host);
    const second = host.start('--instance=two', '--host-id=two');
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(second.stderr).toMatch(/^[^\n]*--healthz-port: cannot listen on 127\.0\.0\.1:9980[^\n]*\n$/);
  });
});

describe('a configuration that changes', () => {
  const VNI_2 = { Network: '10.244.0.0/16', Backend: { Type: 'vxlan', VNI: 2 } };

  test('is shown as pending when it moves traffic, and taken on SIGHUP', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    await subnetEnv(host);
    host.writeNetConf(VNI_2);
    await until(async () => /^pending .*Backend\.VNI/m.test((await host.get('/readyz')).body), 'it is pending');
    expect(await host.link('flannel.2')).toBeUndefined();
    agent.kill('SIGHUP');
    await until(() => host.link('flannel.2'), 'the new device is there');
    await until(async () => (await host.get('/readyz')).body === 'flanneld is ready\n', 'nothing is pending any more');
    expect(agent.exit).toBeUndefined();
  });

  test('is taken at once with --apply-changes=now', async () => {
    await using host = await TestHost.create();
    host.start('--apply-changes=now');
    await subnetEnv(host);
    host.writeNetConf(VNI_2);
    await until(() => host.link('flannel.2'), 'the new device is there');
  });

  test('that is wrong is shown, and the one before stays', async () => {
    await using host = await TestHost.create();
    const agent = host.start();
    await subnetEnv(host);
    host.writeNetConf({ Network: 'nonsense' });
    await until(async () => /^problem: configuration: .*Network/m.test((await host.get('/readyz')).body), 'it is told');
    expect((await host.get('/readyz')).status).toBe(200);
    expect(agent.exit).toBeUndefined();
  });
});

test('host-gw with another public address than the interface has: one line, code 1', async () => {
  await using host = await TestHost.create({ netConf: { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } } });
  const agent = host.start('--public-ip=203.0.113.9');
  expect(await agent.exited).toMatchObject({ code: 1 });
  expect(agent.stderr).toMatch(/^[^\n]*--public-ip: host-gw routes straight to the interface[^\n]*\n$/);
  expect(host.subnetEnv()).toBeUndefined();
});

test('what stops traffic is logged once and told in /readyz, which stays 200', async () => {
  await using host = await TestHost.create();
  const agent = host.start('--sysctls=off');
  await agent.says(/ip_forward is 0, but should be 1/);
  await subnetEnv(host);
  const { status, body } = await host.get('/readyz');
  expect(status).toBe(200);
  expect(body).toMatch(/^error: net\/ipv4\/ip_forward is 0, but should be 1/m);
  expect(agent.stderr.match(/ip_forward is 0/g)).toHaveLength(1);
});

test('the log is JSON where nobody asks for text and standard error is no terminal', async () => {
  await using host = await TestHost.create();
  const agent = host.start('--log-format=auto');
  await agent.says('"msg":"Wrote subnet file to');
  for (const line of agent.stderr.trim().split('\n')) {
    expect(JSON.parse(line)).toMatchObject({
      level: expect.any(String),
      msg: expect.any(String),
      time: expect.any(String),
    });
  }
});

test('8 agents that start at once on one store get 8 different subnets', async () => {
  using store = new Folder();
  const hosts: TestHost[] = [];
  try {
    for (let number = 1; number <= 8; number++) {
      hosts.push(await TestHost.create({ number, store: store.at('leases') }));
    }
    for (const host of hosts) host.start();
    const texts = await Promise.all(hosts.map(subnetEnv));
    const subnets = new Set(texts.map((text) => /FLANNEL_SUBNET=(\S+)/.exec(text)?.[1]));
    expect(subnets.size).toBe(8);
    // Each has the seven others as peers.
    for (const host of hosts) {
      await until(
        async () => (await host.ip('-4 route show proto 111')).trim().split('\n').length === 7,
        'seven routes',
      );
    }
  } finally {
    for (const host of hosts) await host[Symbol.asyncDispose]();
  }
}, 60_000);
