import { describe, expect, test } from '@jest/globals';
import type { Settings } from '../../dist/flags/settings.js';
import { readSettings } from '../../dist/flags/settings.js';
import { FLAGS } from '../../dist/flags/table.js';
import { helpText } from '../../dist/flags/help.js';
import { editDistance, nearMiss } from '../../dist/flags/near-miss.js';

const STORE = '--local-store=/store';

function settings(argv: readonly string[], env: Record<string, string> = {}): Settings {
  const request = readSettings(argv, env);
  if (request.action !== 'run') throw new Error(`asks for ${request.action}`);
  return request.settings;
}

function failure(argv: readonly string[], env: Record<string, string> = {}): string {
  try {
    readSettings(argv, env);
  } catch (error) {
    expect((error as { code?: string }).code).toMatch(/^OVERLAY_(USAGE|CONFIG_INVALID)$/);
    return (error as Error).message;
  }
  throw new Error('was accepted');
}

test('every default is flanneld’s, or that of a flag of ours', () => {
  expect(settings([STORE])).toEqual({
    netConfigPath: '/etc/kube-flannel/net-conf.json',
    subnetFile: '/run/flannel/subnet.env',
    interface: { iface: [], ifaceRegex: [] },
    health: { address: '0.0.0.0', port: 0 },
    renewMarginMs: 3_600_000,
    localStore: '/store',
    stateDirectory: '/var/lib/overlay',
    runDirectory: '/run/overlay',
    instance: 'default',
    sysctls: 'on',
    routeMetrics: true,
    doubtHoldMs: 60_000,
    applyChanges: 'pending',
    retireMs: 10_000,
    logLevel: 'info',
  });
});

const accepted: readonly [title: string, argv: readonly string[], env: Record<string, string>, found: object][] = [
  ['two dashes and =', ['--subnet-file=/a'], {}, { subnetFile: '/a' }],
  ['one dash and =', ['-subnet-file=/a'], {}, { subnetFile: '/a' }],
  ['two dashes and the next word', ['--subnet-file', '/a'], {}, { subnetFile: '/a' }],
  ['one dash and the next word', ['-subnet-file', '/a'], {}, { subnetFile: '/a' }],
  ['a value that looks like a flag', ['--host-id', '--iface'], {}, { hostId: '--iface' }],
  ['a value with = in it', ['--host-id=a=b'], {}, { hostId: 'a=b' }],
  ['the last one of two', ['--subnet-file=/a', '--subnet-file=/b'], {}, { subnetFile: '/b' }],
  ['an empty value, which means none', ['--host-id='], {}, {}],
  ['all of a list', ['--iface=eth0', '-iface', 'eth1'], {}, { interface: { iface: ['eth0', 'eth1'], ifaceRegex: [] } }],
  [
    'expressions',
    ['--iface-regex=^10\\.', '--iface-regex=eth.*'],
    {},
    { interface: { iface: [], ifaceRegex: ['^10\\.', 'eth.*'] } },
  ],
  [
    'addresses',
    ['--public-ip=1.2.3.4', '--public-ipv6=2001:db8::1', '--iface-can-reach=8.8.8.8'],
    {},
    {
      interface: {
        iface: [],
        ifaceRegex: [],
        publicIP: '1.2.3.4',
        publicIPv6: '2001:db8::1',
        ifaceCanReach: '8.8.8.8',
      },
    },
  ],
  ['a hexadecimal integer', ['--healthz-port=0x50'], {}, { health: { address: '0.0.0.0', port: 80 } }],
  [
    'an IPv6 address to listen on',
    ['--healthz-ip=::', '--healthz-port=9980'],
    {},
    { health: { address: '::', port: 9980 } },
  ],
  ['the margin in minutes', ['--subnet-lease-renew-margin=30'], {}, { renewMarginMs: 1_800_000 }],
  ['a duration', ['--doubt-hold=1m30s'], {}, { doubtHoldMs: 90_000 }],
  ['no doubt', ['--doubt-hold=0'], {}, { doubtHoldMs: 0 }],
  ['metrics off', ['--route-metric=off'], {}, { routeMetrics: false }],
  ['sysctls off', ['--sysctls=off'], {}, { sysctls: 'off' }],
  ['changes at once', ['--apply-changes=now'], {}, { applyChanges: 'now' }],
  ['verbosity as flanneld’s', ['-v=5'], {}, { logLevel: 'debug' }],
  ['verbosity as the next word', ['-v', '2'], {}, { logLevel: 'debug' }],
  ['a level beside verbosity', ['-v=5', '--log-level=warn'], {}, { logLevel: 'warn' }],
  ['a probe at its usual rate', ['--probe'], {}, { probeRate: 5 }],
  ['a probe at another rate', ['--probe=20', '--log-format=json'], {}, { probeRate: 20, logFormat: 'json' }],
  ['a probe by a variable', [], { FLANNELD_PROBE: '7' }, { probeRate: 7 }],
  ['no probe', ['--probe=0'], {}, {}],
  ['a format', ['--log-format=json'], {}, { logFormat: 'json' }],
  [
    'what has no effect here',
    ['--vmodule=a=1', '--log_backtrace_at=b:2', '--set-node-network-unavailable=false'],
    {},
    {},
  ],
  [
    'what is not built, switched off',
    ['--ip-masq=false', '--kube-subnet-mgr=0', '--iptables-forward-rules=F', '--ip-blackhole-route=FALSE'],
    {},
    {},
  ],
  [
    'what is not built, at its default',
    ['--etcd-prefix=/coreos.com/network', '--iptables-resync=5', '--kubeconfig-file='],
    {},
    {},
  ],
  ['a variable', [], { FLANNELD_SUBNET_FILE: '/e' }, { subnetFile: '/e' }],
  ['a variable of ours', [], { FLANNELD_HOST_ID: 'h7' }, { hostId: 'h7' }],
  ['the line before a variable', ['--subnet-file=/a'], { FLANNELD_SUBNET_FILE: '/e' }, { subnetFile: '/a' }],
  ['an empty variable, which is none', [], { FLANNELD_HEALTHZ_PORT: '' }, { health: { address: '0.0.0.0', port: 0 } }],
  ['one interface by a variable', [], { FLANNELD_IFACE: 'eth3' }, { interface: { iface: ['eth3'], ifaceRegex: [] } }],
  ['variables that are no flags', [], { FLANNELD_SERVICE_HOST: '10.0.0.1', FLANNELD_VERSION: 'true' }, {}],
  ['the node’s name', [], { NODE_NAME: 'n1' }, { hostId: 'n1' }],
  ['an identity before the node’s name', ['--host-id=h1'], { NODE_NAME: 'n1' }, { hostId: 'h1' }],
];

test.each(accepted)('reads %s', (_title, argv, env, found) => {
  expect(settings([STORE, ...argv], env)).toEqual({ ...settings([STORE]), ...found });
});

test('reads the store from a variable', () => {
  expect(settings([], { FLANNELD_LOCAL_STORE: '/leases' }).localStore).toBe('/leases');
});

const refused: readonly [title: string, argv: readonly string[], env: Record<string, string>, says: RegExp][] = [
  [
    'a misspelt flag',
    ['--subnet-flie=/a'],
    {},
    /^"--subnet-flie" is no flag of overlayd; did you mean --subnet-file\?$/,
  ],
  ['a flag that is like none', ['--frobnicate'], {}, /^"--frobnicate" is no flag of overlayd; see --help$/],
  ['a stray word', ['eth0'], {}, /^expected a flag .*, got the word "eth0"; see --help$/],
  ['a switch’s value as the next word', ['--ip-masq', 'false'], {}, /got the word "false"; write --ip-masq=false;/],
  ['an empty word', [''], {}, /got the word ""/],
  ['two dashes alone', ['--'], {}, /got the word "--"/],
  ['three dashes', ['---iface=a'], {}, /got the word "---iface=a"/],
  ['a flag without its value', ['--iface'], {}, /^--iface: expected a value/],
  [
    'an integer that is none',
    ['--healthz-port=web'],
    {},
    /^--healthz-port: expected an integer from 0 to 65535, got "web"$/,
  ],
  ['an integer out of range', ['--healthz-port=65536'], {}, /^--healthz-port: expected an integer from 0 to 65535/],
  ['an integer that Go takes for octal', ['--healthz-port=010'], {}, /^--healthz-port: expected an integer/],
  [
    'a margin of the whole lease',
    ['--subnet-lease-renew-margin=1440'],
    {},
    /^--subnet-lease-renew-margin: .* from 1 to 1439/,
  ],
  ['a margin of nothing', ['--subnet-lease-renew-margin=0'], {}, /from 1 to 1439, got "0"/],
  ['a switch that is neither', ['--set-node-network-unavailable=maybe'], {}, /expected true or false, got "maybe"/],
  ['a duration without a unit', ['--doubt-hold=60'], {}, /^--doubt-hold: expected a duration such as 60s/],
  ['a rate that is none', ['--probe=true'], {}, /^--probe: expected an integer from 0 to 100, got "true"$/],
  ['a rate that would be a flood', ['--probe=101'], {}, /^--probe: expected an integer from 0 to 100/],
  ['a rate as the next word', ['--probe', '10'], {}, /the word "10"; write --probe=10; see --help$/],
  ['a word that is no choice', ['--sysctls=true'], {}, /^--sysctls: expected one of on, off, got "true"$/],
  ['a bad variable, by its name', [], { FLANNELD_HEALTHZ_PORT: 'web' }, /^FLANNELD_HEALTHZ_PORT: expected an integer/],
  ['an interface that cannot be', ['--iface=a/b'], {}, /^--iface: expected/],
  ['an expression that is broken', ['--iface-regex=('], {}, /^--iface-regex: /],
  ['a public address of the wrong family', ['--public-ip=::1'], {}, /^--public-ip: expected/],
  ['an address to listen on that is none', ['--healthz-ip=localhost'], {}, /^--healthz-ip: expected an IP address/],
  ['an instance with a slash', ['--instance=a/b'], {}, /^--instance: expected 1 to 64 letters/],
  ['an instance that climbs', ['--instance=..'], {}, /^--instance: expected/],
  [
    'an identity that is too long',
    [`--host-id=${'x'.repeat(257)}`],
    {},
    /^--host-id: expected 1 to 256 characters, got 257$/,
  ],
  ['control characters', ['--host-id=a\nb'], {}, /^--host-id: expected text without control characters, got "a\\nb"$/],
  ['an empty path', ['--subnet-file='], {}, /^--subnet-file: expected a path/],
  ['masquerading', ['--ip-masq'], {}, /^--ip-masq: not built yet/],
  ['Kubernetes', ['--kube-subnet-mgr=true'], {}, /^--kube-subnet-mgr: not built yet/],
  ['etcd', ['--etcd-endpoints', 'http://10.0.0.1:2379'], {}, /^--etcd-endpoints: not built yet/],
  ['etcd by a variable', [], { FLANNELD_ETCD_PREFIX: '/else' }, /^--etcd-prefix: not built yet/],
  ['firewall rules', ['--iptables-forward-rules'], {}, /^--iptables-forward-rules: not built yet/],
  ['blackhole routes', ['--ip-blackhole-route=1'], {}, /^--ip-blackhole-route: not built yet/],
];

test.each(refused)('refuses %s in one line', (_title, argv, env, says) => {
  const message = failure([STORE, ...argv], env);
  expect(message).toMatch(says);
  expect(message).not.toContain('\n');
});

test('refuses to be without a store', () => {
  expect(failure([])).toMatch(/^--local-store: expected the directory of the leases, got none/);
});

describe('what is asked instead of running', () => {
  test.each([['--version'], ['-version'], ['--version=true']])('%s', (flag) => {
    expect(readSettings([flag], {})).toEqual({ action: 'version' });
  });
  test.each([['--help'], ['-h'], ['-help']])('%s', (flag) => {
    expect(readSettings([flag], {})).toEqual({ action: 'help' });
  });
  test('not with =false', () => {
    expect(settings([STORE, '--version=false']).localStore).toBe('/store');
  });
});

test('the help names every flag and its default', () => {
  const text = helpText(FLAGS);
  for (const { name } of FLAGS) expect(text).toMatch(new RegExp(`^  --${name}[ =]`, 'm'));
  expect(text).toContain('default: /run/flannel/subnet.env');
});

describe('near misses', () => {
  test.each([
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['iface', 'ifaec', 1],
    ['kitten', 'sitting', 3],
  ])('%s and %s differ by %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
  test('nothing is near', () => {
    expect(nearMiss('zzz', ['iface', 'v'])).toBeUndefined();
  });
});
