import { STATE_DIRECTORY } from '../state-directory/state-paths.js';
import { RUN_DIRECTORY } from '../run-directory/run-paths.js';
import { ROUTE_PROTOCOL } from '@overlay/linux';
import type { Flag } from './flag.js';
import { NET_CONF_FILE, SUBNET_FILE } from './flannel-paths.js';
import { goBoolean } from './go-values.js';
import { choice, integer, text } from './make.js';
import { STORE_FLAGS } from './store-table.js';

const isTrue = (value: string): boolean => goBoolean(value) === true;
const isGiven = (value: string): boolean => value !== '';

/** A flag of flanneld's that asks for something not built yet when its value is neither empty nor flanneld's default. */
function missing(name: string, kind: Flag['kind'], fallback: string, help: string): Flag {
  const asks = kind === 'switch' ? isTrue : (value: string) => isGiven(value) && value !== fallback;
  return { name, kind, fallback, help: `${help} (not built yet)`, notBuilt: asks };
}

const LARGEST_INTEGER = 2 ** 31 - 1;

/** Every flag of `overlayd`: flanneld's by their names, then our own. */
export const FLAGS: readonly Flag[] = [
  text('net-config-path', NET_CONF_FILE, "the network's configuration, in flannel's form; with etcd it is there"),
  text('subnet-file', SUBNET_FILE, "where this host's subnets and MTU are written"),
  { name: 'iface', kind: 'list', fallback: '', help: 'interface or address that carries the overlay; repeatable' },
  {
    name: 'iface-regex',
    kind: 'list',
    fallback: '',
    help: 'the same by an expression over addresses, then names; repeatable',
  },
  text('iface-can-reach', '', 'the interface from which the kernel reaches this address'),
  text('public-ip', '', 'IPv4 address that peers are told, if not that of the interface'),
  text('public-ipv6', '', 'the same for IPv6'),
  text('healthz-ip', '0.0.0.0', 'address on which /healthz, /readyz and /status are answered'),
  integer('healthz-port', 0, [0, 65_535], 'port for them; 0 answers nowhere'),
  integer('metrics-port', 0, [0, 65_535], 'port for /metrics, on the address of --healthz-ip; 0 answers nowhere'),
  integer('v', 0, [0, LARGEST_INTEGER], 'flanneld’s verbosity: 1 or more is --log-level=debug'),
  text('vmodule', '', 'accepted for flanneld’s sake, without effect'),
  text('log_backtrace_at', '', 'accepted for flanneld’s sake, without effect'),
  ...STORE_FLAGS,
  missing('ip-masq', 'switch', 'false', 'masquerade what leaves the network'),
  missing('ip-masq-fully-random-disable', 'switch', 'false', 'masquerade without random source ports'),
  missing('iptables-resync', 'integer', '5', 'seconds between two looks at the firewall’s rules'),
  missing('iptables-forward-rules', 'switch', 'false', 'firewall rules that accept the overlay’s packets'),
  missing('ip-blackhole-route', 'switch', 'false', 'a blackhole route for the own subnet'),
  text(
    'host-id',
    '',
    'who this host is, on no other host; else NODE_NAME, else one generated and kept below --state-dir',
  ),
  text('state-dir', STATE_DIRECTORY, 'what has to survive a reboot of this host'),
  text(
    'run-dir',
    RUN_DIRECTORY,
    'the socket of `overlay status` and `overlay apply`, and what need not survive a reboot',
  ),
  {
    name: 'backend-module',
    kind: 'list',
    fallback: '',
    help: 'package beside this one, or path of a file, that brings one more Backend.Type; repeatable',
  },
  text('instance', 'default', 'tells several agents of one network namespace apart'),
  choice('sysctls', ['on', 'off'], 'on', 'whether kernel settings that are insufficient are changed'),
  choice(
    'route-metric',
    ['on', 'off'],
    'on',
    'whether each IPv4 route gets a metric of its own, which makes many quick to add',
  ),
  integer(
    'route-protocol',
    ROUTE_PROTOCOL,
    [1, 255],
    'the protocol number by which routes are known as ours; not 1 to 4',
  ),
  {
    name: 'doubt-hold',
    kind: 'duration',
    fallback: '60s',
    help: 'how long a removal of many peers at once is held; 0 holds none',
  },
  choice(
    'apply-changes',
    ['restart', 'now'],
    'restart',
    'when a configuration that moves traffic is taken; `overlay apply` and SIGHUP take it too',
  ),
  {
    name: 'retire-after',
    kind: 'duration',
    fallback: '10s',
    help: 'how long an old backend stays open when every peer has the new one',
  },
  {
    name: 'probe',
    kind: 'integer',
    fallback: '0',
    bare: '5',
    min: 0,
    max: 100,
    help: 'pings every peer through the overlay, so many a second over all peers; --probe alone is 5, 0 none',
  },
  choice('log-level', ['error', 'warn', 'info', 'debug'], 'info', 'the least important lines that are written'),
  choice('log-format', ['auto', 'text', 'json'], 'auto', 'auto: text on a terminal, else JSON'),
  { name: 'version', kind: 'switch', fallback: 'false', help: 'print the version and end' },
  { name: 'help', kind: 'switch', fallback: 'false', help: 'print this and end' },
];
