import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { prefixesOverlap } from '@overlay/core';
import type { Answer } from './support/host-processes.js';
import { HostProcesses } from './support/host-processes.js';
import { temporaryDirectory } from './support/temporary-directory.js';

const DUAL = '"EnableIPv6":true,"IPv6Network":"fd00:5::/48"';

describe('many processes on one directory', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let hosts: HostProcesses;

  beforeEach(() => {
    directory = temporaryDirectory();
    hosts = new HostProcesses();
  });
  afterEach(async () => {
    await hosts.stop();
    directory.remove();
  });

  test('8 at once in a range of 8 get all of it', async () => {
    const conf = '{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.15.0"}';
    expectAllDifferent(await hosts.acquireAtOnce(8, directory.path, conf));
    expect(readdirSync(directory.path).sort()).toEqual(
      Array.from({ length: 8 }, (_, at) => `10.5.${at + 8}.0-24`).sort(),
    );
  });

  test('9 at once in a range of 8: one of them is told that it is full', async () => {
    const conf = '{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.15.0"}';
    const answers = await hosts.acquireAtOnce(9, directory.path, conf);
    const refused = answers.filter((answer) => answer.subnets === undefined);
    expect(refused.map((answer) => answer.code)).toEqual(['OVERLAY_RANGE_FULL']);
    expectAllDifferent(answers.filter((answer) => answer.subnets !== undefined));
  });

  test('8 at once with both families, in ranges of 8 each', async () => {
    const six = '"IPv6SubnetMin":"fd00:5:0:8::","IPv6SubnetMax":"fd00:5:0:f::"';
    const conf = `{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.15.0",${DUAL},${six}}`;
    expectAllDifferent(await hosts.acquireAtOnce(8, directory.path, conf));
    expect(readdirSync(directory.path)).toHaveLength(8);
  });

  test('64 at once in a range of 64', async () => {
    const conf = '{"Network":"10.5.0.0/16","SubnetMin":"10.5.64.0","SubnetMax":"10.5.127.0"}';
    expectAllDifferent(await hosts.acquireAtOnce(64, directory.path, conf));
    expect(readdirSync(directory.path)).toHaveLength(64);
  }, 120_000);
});

function expectAllDifferent(answers: readonly Answer[]): void {
  expect(answers.map((answer) => answer.message).filter((message) => message !== undefined)).toEqual([]);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const subnets = answers.map((answer) => answer.subnets?.[family]).filter((subnet) => subnet !== undefined);
    const twice = subnets.filter((a, at) => subnets.slice(at + 1).some((b) => prefixesOverlap(a, b)));
    expect(twice).toEqual([]);
  }
}
