import { describe, expect, test } from '@jest/globals';
import { parseLabArguments } from '../../dist/command/arguments.js';

const DEFAULTS = {
  action: 'run',
  hosts: 3,
  underlay: 'flat',
  pods: 1,
  mtu: 1500,
  store: { kind: 'local' },
  kubelets: false,
  perf: false,
  json: false,
  keep: false,
};

describe('parseLabArguments', () => {
  test('nothing given', () => {
    expect(parseLabArguments([])).toEqual(DEFAULTS);
  });

  test('everything given', () => {
    const argv =
      '--hosts 8 --backend Host-GW --net-conf f.json --underlay routed --pods=2 --family dual --mtu 9000 --store /s --perf --json --keep';
    expect(parseLabArguments(argv.split(' '))).toEqual({
      action: 'run',
      hosts: 8,
      backend: 'host-gw',
      netConf: 'f.json',
      underlay: 'routed',
      pods: 2,
      family: 'dual',
      mtu: 9000,
      store: { kind: 'local', directory: '/s' },
      kubelets: false,
      perf: true,
      json: true,
      keep: true,
    });
  });

  test('down', () => {
    expect(parseLabArguments(['down'])).toEqual({ action: 'down' });
  });

  test.each([[['--help']], [['-h']], [['down', '--help']]])('%j is help, no error', (argv) => {
    expect(parseLabArguments(argv)).toMatchObject({
      action: 'help',
      text: expect.stringContaining('Usage: overlay lab'),
    });
  });

  test.each([
    ['--bakend vxlan', "unknown option '--bakend' (Did you mean --backend?)"],
    ['--hosts', "option '--hosts <n>' argument missing"],
    ['--hosts 1', "argument '1' is invalid. Expected an integer from 2 to 240."],
    ['--hosts 241', 'Expected an integer from 2 to 240.'],
    ['--hosts 3.5', 'Expected an integer from 2 to 240.'],
    ['--hosts three', 'Expected an integer from 2 to 240.'],
    ['--pods 0', 'Expected an integer from 1 to 50.'],
    ['--pods -1', 'Expected an integer from 1 to 50.'],
    ['--mtu 1279', 'Expected an integer from 1280 to 65535.'],
    ['--backend ../x', 'Expected a name such as vxlan or host-gw.'],
    ['--underlay ring', 'Allowed choices are flat, routed.'],
    ['--family ipv5', 'Allowed choices are ipv4, ipv6, dual.'],
    ['--net-conf', 'argument missing'],
    ['--store leases', 'Expected local, etcd, kube, or a folder for leases, such as ./leases.'],
    ['--kubelets', '--kubelets needs --store kube'],
    ['up', 'too many arguments'],
    ['down all', 'too many arguments'],
    ['down --keeep', "unknown option '--keeep'"],
  ])('overlay lab %s', (line, message) => {
    let error: unknown;
    try {
      parseLabArguments(line.split(' '));
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'OVERLAY_LAB_USAGE', message: expect.stringContaining(message) });
    expect((error as Error).message).toMatch(/^overlay lab: .*; see overlay lab --help$/);
  });
});
