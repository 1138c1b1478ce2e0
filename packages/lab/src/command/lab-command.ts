import { errorCode, errorText, OverlayError } from '@overlay/core';
import type { Lab } from '../lab.js';
import { removeLabs } from '../lifetime/remove-lab.js';
import { cameBack } from '../measure/ping-matrix.js';
import type { Tool } from '../system/requirements.js';
import { requirePrivileges, requireTools } from '../system/requirements.js';
import { logTail, pingAdvice, suspectHosts } from './advice.js';
import type { LabArguments, LabRunArguments } from './arguments.js';
import { parseLabArguments } from './arguments.js';
import type { LabIo } from './lab-io.js';
import { LabSession } from './lab-session.js';
import type { NetworkChoice } from './network-choice.js';
import { chooseNetwork } from './network-choice.js';
import { Progress } from './progress.js';
import { labReport } from './report.js';
import { drawTopology, leaseTable, pingTable } from './tables.js';
import type { Termination } from './termination.js';
import { onTermination } from './termination.js';

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_MACHINE = 3;

/** Hosts whose log is shown after a failure. */
const LOGS_SHOWN = 2;

function exitCodeOf(error: unknown): number {
  switch (errorCode(error)) {
    case 'OVERLAY_LAB_USAGE':
    case 'OVERLAY_LAB_OPTION':
      return EXIT_USAGE;
    case 'OVERLAY_LAB_TOOL_MISSING':
    case 'OVERLAY_LAB_PRIVILEGE':
      return EXIT_MACHINE;
    default:
      return EXIT_FAILED;
  }
}

function requireKubernetes({ kubernetesPrograms }: LabIo): void {
  if (kubernetesPrograms !== undefined) return;
  throw new OverlayError(
    'OVERLAY_LAB_TOOL_MISSING',
    'lab: --store kube: expected OVERLAY_LAB_KUBERNETES to name the folder of kube-apiserver and the others, got nothing; ' +
      'npm run lab of the repository builds them',
  );
}

function toolsFor({ perf, store, kubelets }: LabRunArguments): Tool[] {
  const tools: Tool[] = ['ip', 'nsenter', 'setpriv', 'ping'];
  if (perf) tools.push('iperf3');
  if (kubelets) tools.push('containerd', 'runc', 'busybox');
  if (store.kind === 'etcd') tools.push('etcd', 'etcdctl');
  return tools;
}

function printer(stream: NodeJS.WritableStream): (lines: readonly string[]) => void {
  return (lines) => void stream.write(lines.map((line) => `${line}\n`).join(''));
}

async function down(io: LabIo): Promise<number> {
  const { removed, running } = await removeLabs(io.runDirectory);
  const print = printer(io.stdout);
  print(removed.map((id) => `removed lab ${id}`));
  print(running.map(({ id, pid }) => `lab ${id} is left: process ${pid} runs it and removes it when it ends`));
  if (removed.length + running.length === 0) print(['there is no lab to remove']);
  return EXIT_OK;
}

/** Everything between the first namespace and the last number. */
async function show(session: LabSession, io: LabIo): Promise<void> {
  const { args, network } = session;
  const print = args.json ? () => undefined : printer(io.stdout);
  const lab = await session.create();
  print([
    `lab ${lab.id}: ${lab.hosts.length} hosts, ${args.underlay} underlay, leases in ${args.store.kind === 'local' ? 'a folder' : args.store.kind}, ${network.backend}, ${network.family}`,
    '',
    ...drawTopology(lab.topology),
    '',
  ]);
  await session.startAgents(lab);
  await session.startPods(lab);
  const { hosts, ready } = session.outcome();
  print(['', ...leaseTable(hosts, ready), '']);
  const pings = await session.ping(lab);
  for (const family of network.families) {
    print(['', `${family}: round-trip times in ms, from the left to the top`, ...pingTable(pings, family)]);
  }
  const back = pings.filter(cameBack).length;
  print(['', `${back} of ${pings.length} came back, packets of full MTU size included`]);
  if (args.perf) {
    await session.measure(lab);
    for (const { from, to, mbps } of session.outcome().throughput) print([`${from} -> ${to}: ${mbps} Mbit/s`]);
  }
}

/** What a person needs after a failure: which pings, what the agents say of themselves, their logs. */
async function explain(session: LabSession, io: LabIo, failed: boolean): Promise<void> {
  const { lab, args } = session;
  if (lab === undefined) return;
  const { pings, hosts, ready } = session.outcome();
  const print = printer(io.stderr);
  print(pingAdvice(pings, args.keep));
  const unready = failed ? hosts.filter((host) => host.agent !== undefined && !ready.has(host)) : [];
  const ended = unready.filter((host) => host.agent?.exit !== undefined);
  const suspects = ended.length > 0 ? ended : unready.length > 0 ? unready : suspectHosts(pings);
  for (const host of suspects.slice(0, LOGS_SHOWN)) {
    if (host.agent?.exit === undefined && ready.has(host)) {
      const { status, body } = await host.health('/readyz');
      print([`${host.name}: /readyz ${status} ${body.trim()}`]);
    }
    print(logTail(host));
  }
}

function lookAround(lab: Lab, io: LabIo): string[] {
  const host = lab.hosts[0];
  return [
    `lab ${lab.id} is left running; to look around:`,
    `  ip netns exec ${host?.netns} bash        (pods: ${lab.pods.map((pod) => pod.netns).join(', ')})`,
    `  tail -f ${host?.logFile}`,
    `  ${io.downCommand ?? 'overlay lab down'}`,
  ];
}

async function runLab(args: LabRunArguments, network: NetworkChoice, io: LabIo, stop: Termination): Promise<number> {
  const session = new LabSession(args, network, io, new Progress(io.stderr), stop.signal);
  const printError = printer(io.stderr);
  let error: unknown;
  try {
    await show(session, io);
  } catch (caught) {
    error = caught;
  }
  const report = labReport(session.outcome(error === undefined ? undefined : errorText(error)));
  try {
    if (args.json) printer(io.stdout)([JSON.stringify(report)]);
    if (stop.signal.aborted) {
      printError([`overlay lab: stopped`]);
    } else {
      if (error !== undefined) printError([errorText(error)]);
      if (!report.ok) await explain(session, io, error !== undefined);
      if (args.keep && session.lab !== undefined) {
        session.lab.keep();
        printError(lookAround(session.lab, io));
      }
    }
  } finally {
    if (!args.keep || stop.signal.aborted) await session.close();
  }
  if (stop.signal.aborted) return stop.exitCode();
  return error === undefined ? (report.ok ? EXIT_OK : EXIT_FAILED) : exitCodeOf(error);
}

/**
 * `overlay lab`: see `parseLabArguments` for the words it understands, `LabReport` for what `--json` prints. Results go
 * to standard output, everything else to standard error. Nothing of the lab is left when it returns, unless `--keep`
 * asked for that.
 *
 * @param argv what follows `overlay lab`.
 * @returns the exit code: 0 every ping came back; 1 one did not, or an agent failed; 2 wrong usage; 3 this machine lacks
 * a program or privilege; 128 and the signal's number when one ended it.
 */
export async function labCommand(argv: readonly string[], io: LabIo): Promise<number> {
  const printError = printer(io.stderr);
  try {
    const args: LabArguments = parseLabArguments(argv);
    if (args.action === 'help') {
      io.stdout.write(args.text);
      return EXIT_OK;
    }
    if (args.action === 'run') {
      const network = chooseNetwork(args);
      for (const warning of network.netConf.warnings) printError([warning]);
      requireTools(toolsFor(args), io.env);
      if (args.store.kind === 'kube') requireKubernetes(io);
      requirePrivileges();
      using stop = onTermination(io);
      return await runLab(args, network, io, stop);
    }
    requireTools(['ip'], io.env);
    requirePrivileges();
    return await down(io);
  } catch (error) {
    printError([errorText(error)]);
    return exitCodeOf(error);
  }
}
