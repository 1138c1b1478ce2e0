import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import type { Finding } from '@overlay/core';
import { program } from './support/udp-hosts.js';

/** What root finds who lacks these capabilities, of the checks that are about them. */
async function findings(dataPath: string, lacking: readonly string[]): Promise<readonly Finding[]> {
  const bounds = lacking.map((name) => `-${name}`).join(',');
  const argv = ['--bounding-set', bounds, ...program('preflight-findings', dataPath)];
  const { stdout } = await promisify(execFile)('setpriv', argv);
  const all = JSON.parse(stdout) as Finding[];
  return all.filter(({ check }) => ['privileges', 'udp-kernel', 'udp-user'].includes(check));
}

test('without CAP_BPF there is the user path, and one line about the other', async () => {
  const line = {
    check: 'udp-kernel',
    message: expect.stringMatching(/^the kernel path is not available: .*\(EPERM\)/),
    remedy: expect.stringContaining('with CAP_BPF and CAP_NET_ADMIN'),
  };
  expect(await findings('auto', ['bpf', 'sys_admin'])).toEqual([{ level: 'warning', ...line }]);
  expect(await findings('kernel', ['bpf', 'sys_admin'])).toEqual([{ level: 'error', ...line }]);
  expect(await findings('user', ['bpf', 'sys_admin'])).toEqual([]);
}, 60_000);

test('without CAP_NET_ADMIN there is none, and one line says why', async () => {
  expect(await findings('user', ['net_admin'])).toEqual([
    expect.objectContaining({
      level: 'error',
      check: 'privileges',
      message: 'this process may not change the network: it lacks CAP_NET_ADMIN',
    }),
  ]);
}, 60_000);
