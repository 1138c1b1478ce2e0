// A whole cluster that starts at once on one etcd: real agents, each in a network namespace of its own, from the last start
// until every host has its lease and every kernel has every other host.
//
//   npm run --silent bench -- agents [--hosts 200] [--backend vxlan|host-gw] [--json]
//
// Needs root, etcd, and about 25 MB of memory for each host.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const load = (...names) => import(path.join(root, 'packages', ...names));

/** The most that starting, and then finding each other, may take, in milliseconds. */
const LIMIT_MS = 240_000;

/** Seconds of processor time that a process has had, of all its threads (proc(5), fields 14 and 15). */
function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** Anonymous memory of a process in millions of bytes: what it has for itself. */
function anonymousMb(pid) {
  return (Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6;
}

function startAgent(host, etcd) {
  const folder = host.directory;
  mkdirSync(folder, { recursive: true });
  host.startAgent({
    program: [process.execPath, path.join(root, 'packages', 'agent', 'bin', 'overlayd.cjs')],
    args: () => [
      ...etcd.agentArgs(),
      ...[`--subnet-file=${host.subnetFile}`, `--state-dir=${folder}/state`, `--run-dir=${folder}/run`],
      ...[`--host-id=${host.name}`, '--iface=eth0'],
    ],
  });
}

/** Waits until all hosts have their subnet.env; how many agents have ended before that. */
async function subnetsOf(hosts) {
  const end = Date.now() + LIMIT_MS;
  for (const host of hosts) {
    while (!existsSync(host.subnetFile)) {
      const exit = host.agent.exitError();
      if (exit !== undefined) throw exit;
      if (Date.now() > end) throw new Error(`after ${LIMIT_MS} ms ${host.name} has no lease`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const at = Date.now();
  const subnets = hosts.map(({ subnetFile }) => /FLANNEL_SUBNET=(\S+)/.exec(readFileSync(subnetFile, 'utf8'))?.[1]);
  return { at, different: new Set(subnets).size };
}

async function run(count, backend) {
  const { createLab, EtcdServer } = await load('lab', 'dist', 'index.js');
  const { allPairs } = await load('agent', 'test-dist', 'support', 'all-pairs.js');
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.once(signal, () => stop.abort());
  const lab = await createLab({
    ...{ name: `ovb-${process.pid}`, hosts: count, pods: 0, server: true, avoid: ['10.0.0.0/8'] },
    signal: stop.signal,
  });
  stop.signal.addEventListener('abort', () => void lab.close().finally(() => process.exit(1)), { once: true });
  try {
    process.stderr.write(`${count} hosts are there\n`);
    const etcd = await EtcdServer.start(lab, { signal: stop.signal });
    await etcd.putNetConf(JSON.stringify({ Network: '10.0.0.0/8', Backend: { Type: backend } }));
    return await measure(lab.hosts, etcd, backend, allPairs);
  } finally {
    await lab.close();
  }
}

async function measure(hosts, etcd, backend, allPairs) {
  const from = Date.now();
  for (const host of hosts) startAgent(host, etcd);
  const started = Date.now();
  const { at: leased, different } = await subnetsOf(hosts);
  process.stderr.write(`${different} different subnets ${leased - started} ms after the last start\n`);
  const paired = await allPairs(hosts, backend, LIMIT_MS);
  const pids = hosts.map(({ agent }) => agent.pid);
  return {
    ...{ hosts: hosts.length, backend, load: Math.round(os.loadavg()[0]) },
    ended: hosts.filter(({ agent }) => agent.exit !== undefined).length,
    ...{ subnets: different, pairs: hosts.length * (hosts.length - 1) },
    startsTookMs: started - from,
    allLeasesMs: leased - started,
    allPairsMs: paired - started,
    agentCpuSeconds: Math.round(sum(pids.map(cpuSeconds))),
    anonymousMb: Math.round(sum(pids.map(anonymousMb))),
  };
}

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '200' },
    backend: { type: 'string', default: 'vxlan' },
    json: { type: 'boolean', default: false },
  },
});
if (!['vxlan', 'host-gw'].includes(values.backend)) {
  process.stderr.write(`bench: --backend: expected vxlan or host-gw, got ${values.backend}\n`);
  process.exit(2);
}
if (!/^([2-9]|[1-9][0-9]|1[0-9]{2}|2[0-3][0-9]|240)$/.test(values.hosts)) {
  process.stderr.write(`bench: --hosts: expected a whole number from 2 to 240, got ${values.hosts}\n`);
  process.exit(2);
}
try {
  const result = await run(Number(values.hosts), values.backend);
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    process.stdout.write(
      `${result.hosts} agents, ${result.backend}, started within ${result.startsTookMs} ms: ${result.subnets} subnets after ` +
        `${result.allLeasesMs} ms, all ${result.pairs} pairs in every kernel after ${result.allPairsMs} ms; ` +
        `${result.ended} ended; ${result.agentCpuSeconds} s of processor time; ${result.anonymousMb} MB anonymous\n`,
    );
  }
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
