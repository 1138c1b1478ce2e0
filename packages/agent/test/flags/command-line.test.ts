import { describe, expect, test } from '@jest/globals';
import type { Settings } from '../../dist/flags/settings.js';
import type { StoreSettings } from '../../dist/flags/store-settings.js';
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
    metricsPort: 0,
    store: { kind: 'local', directory: '/store' },
    lease: { ttlMs: 86_400_000, renewMarginMs: 3_600_000 },
    backendModules: [],
    stateDirectory: '/var/lib/overlay',
    runDirectory: '/run/overlay',
    instance: 'default',
    sysctls: 'on',
    routeMetrics: true,
    routeProtocol: 111,
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
    'modules of backends, in their order',
    ['--backend-module=@acme/foo', '--backend-module', './bar.mjs'],
    {},
    { backendModules: ['@acme/foo', './bar.mjs'] },
  ],
  ['a module by a variable', [], { FLANNELD_BACKEND_MODULE: '@acme/foo' }, { backendModules: ['@acme/foo'] }],
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
  ['a port for metrics', ['--metrics-port=9981'], {}, { metricsPort: 9981 }],
  ['a hexadecimal integer', ['--healthz-port=0x50'], {}, { health: { address: '0.0.0.0', port: 80 } }],
  [
    'an IPv6 address to listen on',
    ['--healthz-ip=::', '--healthz-port=9980'],
    {},
    { health: { address: '::', port: 9980 } },
  ],
  [
    'the margin in minutes',
    ['--subnet-lease-renew-margin=30'],
    {},
    { lease: { ttlMs: 86_400_000, renewMarginMs: 1_800_000 } },
  ],
  [
    'how long a lease lasts, and with it the usual margin',
    ['--subnet-lease-ttl=10m'],
    {},
    { lease: { ttlMs: 600_000, renewMarginMs: 300_000 } },
  ],
  ['flags of etcd, which is not used', ['--etcd-endpoints=http://192.0.2.1:2379', '--etcd-prefix=/else'], {}, {}],
  ['a duration', ['--doubt-hold=1m30s'], {}, { doubtHoldMs: 90_000 }],
  ['no doubt', ['--doubt-hold=0'], {}, { doubtHoldMs: 0 }],
  ['metrics off', ['--route-metric=off'], {}, { routeMetrics: false }],
  ['another mark on routes', ['--route-protocol=200'], {}, { routeProtocol: 200 }],
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
    ['--vmodule=a=1', '--log_backtrace_at=b:2', '--set-node-network-unavailable=false', '--kube-subnet-mgr=0'],
    {},
    {},
  ],
  [
    'what is not built, switched off',
    ['--ip-masq=false', '--iptables-forward-rules=F', '--ip-blackhole-route=FALSE'],
    {},
    {},
  ],
  ['what is not built, at its default', ['--iptables-resync=5'], {}, {}],
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
  expect(settings([], { FLANNELD_LOCAL_STORE: '/leases' }).store).toEqual({ kind: 'local', directory: '/leases' });
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
  [
    'a mark of the kernel’s own',
    ['--route-protocol=2'],
    {},
    /^--route-protocol: 2 is what the kernel .*; take 5 to 255/,
  ],
  ['no mark', ['--route-protocol=0'], {}, /^--route-protocol: expected an integer from 1 to 255/],
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
  ['two stores', ['--kube-subnet-mgr'], { NODE_NAME: 'n1' }, /^--kube-subnet-mgr: expected it without --local-store/],
  ['a lease that is too short', ['--subnet-lease-ttl=4s'], {}, /^--subnet-lease-ttl: expected 5s or more, got "4s"$/],
  [
    'a margin of more than the lease',
    ['--subnet-lease-ttl=1h', '--subnet-lease-renew-margin=60'],
    {},
    /^--subnet-lease-renew-margin: expected less than --subnet-lease-ttl=1h, got 60 minutes$/,
  ],
  ['firewall rules', ['--iptables-forward-rules'], {}, /^--iptables-forward-rules: not built yet/],
  ['blackhole routes', ['--ip-blackhole-route=1'], {}, /^--ip-blackhole-route: not built yet/],
];

test.each(refused)('refuses %s in one line', (_title, argv, env, says) => {
  const message = failure([STORE, ...argv], env);
  expect(message).toMatch(says);
  expect(message).not.toContain('\n');
});

describe('etcd', () => {
  const store = (argv: readonly string[], env?: Record<string, string>): StoreSettings => settings(argv, env).store;

  test('is the store unless a directory is named, with flanneld’s defaults', () => {
    expect(store([])).toEqual({
      kind: 'etcd',
      endpoints: ['http://127.0.0.1:4001', 'http://127.0.0.1:2379'],
      prefix: '/coreos.com/network',
      tls: {},
    });
  });
  test('takes everything from the line', () => {
    const argv = [
      '--etcd-endpoints=https://a:1, https://b:2',
      '-etcd-prefix=/net',
      '--etcd-keyfile=k',
      '--etcd-certfile=c',
    ];
    expect(store([...argv, '--etcd-cafile=ca', '--etcd-username=u', '--etcd-password=p'])).toEqual({
      kind: 'etcd',
      endpoints: ['https://a:1', 'https://b:2'],
      prefix: '/net',
      tls: { ca: 'ca', cert: 'c', key: 'k' },
      username: 'u',
      password: 'p',
    });
  });
  test('takes everything from variables', () => {
    const env = { FLANNELD_ETCD_ENDPOINTS: 'http://c:3', FLANNELD_ETCD_CAFILE: 'ca', FLANNELD_ETCD_USERNAME: 'u' };
    expect(store([], { ...env, FLANNELD_ETCD_PASSWORD_FILE: '/f' })).toMatchObject({
      endpoints: ['http://c:3'],
      tls: { ca: 'ca' },
      username: 'u',
      password: { file: '/f' },
    });
  });
  test('knows no user unless one is named', () => {
    expect(store(['--etcd-password=p'])).not.toHaveProperty('password');
  });
  test.each([
    [['--etcd-keyfile=k'], /^--etcd-keyfile: expected --etcd-certfile beside it/],
    [['--etcd-certfile=c'], /^--etcd-certfile: expected --etcd-keyfile beside it/],
    [['--etcd-username=u'], /^--etcd-username: expected --etcd-password-file or --etcd-password/],
    [['--etcd-username=u', '--etcd-password=p', '--etcd-password-file=f'], /^--etcd-password-file: .* got both$/],
  ])('refuses %j', (argv, says) => {
    expect(failure(argv)).toMatch(says);
  });
});

describe('Kubernetes', () => {
  const store = (argv: readonly string[], env: Record<string, string>): StoreSettings =>
    settings(['--kube-subnet-mgr', ...argv], env).store;

  test('is the store when it is asked for, with flanneld’s defaults', () => {
    expect(store([], { NODE_NAME: 'n1' })).toEqual({
      kind: 'kube',
      annotationPrefix: 'flannel.alpha.coreos.com',
      node: { name: 'n1' },
      setNetworkUnavailable: true,
    });
  });
  test('takes everything from the line, and the Node from a pod', () => {
    const argv = ['--kube-api-url=https://a:6443', '--kubeconfig-file=/k', '--kube-annotation-prefix=x.example'];
    const env = { POD_NAME: 'p', POD_NAMESPACE: 'ns' };
    expect(store([...argv, '--set-node-network-unavailable=false'], env)).toEqual({
      kind: 'kube',
      apiUrl: 'https://a:6443',
      kubeconfigFile: '/k',
      annotationPrefix: 'x.example',
      node: { namespace: 'ns', pod: 'p' },
      setNetworkUnavailable: false,
    });
  });
  test.each([[{}], [{ POD_NAME: 'p' }]])('wants to know which Node this is: %j', (env) => {
    expect(failure(['--kube-subnet-mgr'], env as Record<string, string>)).toMatch(
      /^--kube-subnet-mgr: expected NODE_NAME, or POD_NAME and POD_NAMESPACE/,
    );
  });
});

describe('what is asked instead of running', () => {
  test.each([['--version'], ['-version'], ['--version=true']])('%s', (flag) => {
    expect(readSettings([flag], {})).toEqual({ action: 'version' });
  });
  test.each([['--help'], ['-h'], ['-help']])('%s', (flag) => {
    expect(readSettings([flag], {})).toEqual({ action: 'help' });
  });
  test('not with =false', () => {
    expect(settings([STORE, '--version=false']).subnetFile).toBe('/run/flannel/subnet.env');
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
