// An agent without an overlay: it takes overlayd's flags, derives its host's subnet from the host's number, tells the
// others through files in the store's folder, and sets a plain route to each of them. What a lab shows can so be proved
// without any agent of ours.
//
// STATIC_AGENT_FAULT makes it wrong on purpose: `exit` (ends at once), `never-ready`, `skip-h2` (no route to h2),
// `mtu` (says an MTU larger than the underlay's).
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Address, Family, Prefix } from '@overlay/core';
import { FAMILIES, formatSubnetEnv, parseAddress, parseNetConf, parsePrefix, subnetAt } from '@overlay/core';

interface StoredLease {
  readonly host: string;
  readonly subnets: { ipv4?: Prefix; ipv6?: Prefix };
  readonly publicIPs: { ipv4?: Address; ipv6?: Address };
}

const { values } = parseArgs({
  options: {
    'local-store': { type: 'string' },
    'net-config-path': { type: 'string' },
    'subnet-file': { type: 'string' },
    'state-dir': { type: 'string' },
    'run-dir': { type: 'string' },
    'healthz-ip': { type: 'string' },
    'healthz-port': { type: 'string' },
    'host-id': { type: 'string' },
    iface: { type: 'string' },
  },
});

function flag(name: keyof typeof values): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

function ip(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const fault = process.env['STATIC_AGENT_FAULT'];
const host = flag('host-id');
const store = flag('local-store');
const conf = parseNetConf(readFileSync(flag('net-config-path'), 'utf8'));
const families: readonly Family[] = FAMILIES.filter((family) => conf[family] !== undefined);
const n = Number(host.slice(1));

console.log(`static agent of ${host}, backend ${conf.backend.type}`);
if (fault === 'exit') {
  console.error('this agent ends on purpose');
  process.exit(7);
}

const subnets: StoredLease['subnets'] = {};
const publicIPs: StoredLease['publicIPs'] = {};
interface ShownLink {
  readonly mtu: number;
  readonly addr_info: readonly { readonly family: string; readonly scope: string; readonly local: string }[];
}
const [link] = JSON.parse(ip('-j', 'address', 'show', 'dev', flag('iface'))) as [ShownLink];
for (const family of families) {
  const familyConf = conf[family];
  if (familyConf === undefined) continue;
  subnets[family] = subnetAt(familyConf.subnetMin, familyConf.subnetLen, n - 1);
  const wanted = family === 'ipv4' ? 'inet' : 'inet6';
  const found = link.addr_info.find((address) => address.family === wanted && address.scope === 'global');
  if (found !== undefined) publicIPs[family] = parseAddress(found.local);
}
mkdirSync(store, { recursive: true });
const mine: StoredLease = { host, subnets, publicIPs };
writeFileSync(path.join(store, `.${host}`), JSON.stringify(mine));
renameSync(path.join(store, `.${host}`), path.join(store, `${host}.json`));

const known = new Set([`${host}.json`]);
function addRoutes(): void {
  for (const name of readdirSync(store).filter((file) => file.endsWith('.json') && !known.has(file))) {
    known.add(name);
    const peer = JSON.parse(readFileSync(path.join(store, name), 'utf8')) as StoredLease;
    if (fault === 'skip-h2' && peer.host === 'h2') continue;
    for (const family of families) {
      const via = publicIPs[family];
      const gateway = peer.publicIPs[family];
      const subnet = peer.subnets[family];
      if (via === undefined || gateway === undefined || subnet === undefined) continue;
      const { status, stderr } = spawnSync('ip', ['route', 'add', subnet, 'via', gateway], { encoding: 'utf8' });
      if (status !== 0) console.error(`no route to ${subnet} via ${gateway}: ${stderr.trim()}`);
    }
  }
}
addRoutes();
setInterval(addRoutes, 20);

const ready = fault !== 'never-ready';
if (ready) {
  const env = formatSubnetEnv({
    ...Object.fromEntries(
      families.map((family) => [
        family,
        { network: parsePrefix(String(conf[family]?.network)), subnet: subnets[family] as Prefix },
      ]),
    ),
    mtu: fault === 'mtu' ? link.mtu + 100 : link.mtu,
    ipMasq: false,
  });
  writeFileSync(`${flag('subnet-file')}.new`, env);
  renameSync(`${flag('subnet-file')}.new`, flag('subnet-file'));
}
createServer((_request, response) => {
  response.statusCode = ready ? 200 : 503;
  response.end(ready ? 'static routes are set\n' : 'waiting for nothing, on purpose\n');
}).listen(Number(flag('healthz-port')), flag('healthz-ip'));
