import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Lab } from '@overlay/lab';
import { createLab, EtcdServer } from '@overlay/lab';
import { describeKernel } from '../support/kernel.js';
import { leftovers, NOTHING } from '../support/leftovers.js';
import { openRunDirectory } from '../support/run-directory.js';

const onPath = (tool: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(path.join(folder, tool)));
const missing = ['etcd', 'etcdctl'].filter((tool) => !onPath(tool));
if (missing.length > 0 && process.env['CI'] !== undefined) throw new Error(`${missing.join(' and ')} missing`);
const withEtcd = missing.length === 0 ? test : test.skip;

let runDirectory: string;
let lab: Lab;

beforeEach(async () => {
  runDirectory = await openRunDirectory('etcd');
});

afterEach(async () => {
  await lab.close();
  expect(leftovers(runDirectory, [lab.id])).toEqual(NOTHING);
  rmSync(runDirectory, { recursive: true });
});

describeKernel('etcd in a lab (skipped without etcd-server and etcd-client)', () => {
  withEtcd.each(['ipv4', 'ipv6'] as const)('every host reaches it, over %s', async (family) => {
    lab = await createLab({ hosts: 3, underlay: 'routed', families: [family], server: true, runDirectory });
    const etcd = await EtcdServer.start(lab);
    await etcd.putNetConf('{"Network":"10.5.0.0/16"}');
    for (const host of lab.hosts) {
      const argv = ['etcdctl', `--endpoints=${etcd.url}`, 'get', '--print-value-only', '/coreos.com/network/config'];
      const { stdout } = await host.exec(argv, { env: { ...process.env, ETCDCTL_API: '3' } });
      expect(stdout.trim()).toBe('{"Network":"10.5.0.0/16"}');
    }
  });

  withEtcd('keeps its data when it is stopped, and goes back to a backup', async () => {
    lab = await createLab({ hosts: 1, server: true, runDirectory });
    const etcd = await EtcdServer.start(lab);
    await etcd.put('/a', '1');
    await etcd.stop();
    await expect(etcd.ctl(['get', '/a'])).rejects.toMatchObject({ code: 'OVERLAY_LAB_COMMAND' });
    await etcd.start();
    expect(await etcd.keys()).toEqual([{ key: '/a', value: '1', lease: '0', modRevision: expect.any(Number) }]);
    const file = path.join(lab.directory, 'backup');
    await etcd.backup(file);
    await etcd.put('/b', '2');
    await etcd.restore(file);
    expect((await etcd.keys()).map(({ key }) => key)).toEqual(['/a']);
  });

  withEtcd('one that cannot start is told with its log', async () => {
    lab = await createLab({ hosts: 1, server: true, runDirectory });
    await expect(EtcdServer.start(lab, { args: ['--no-such-flag'] })).rejects.toMatchObject({
      code: 'OVERLAY_LAB_STORE',
      message: expect.stringMatching(/^lab: start etcd: it ended with code \d+; see .*etcd\.log$/),
    });
  });
});
