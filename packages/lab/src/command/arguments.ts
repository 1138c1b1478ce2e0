import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { OverlayError } from '@overlay/core';
import type { Underlay } from '../plan/options.js';
import { MAX_HOSTS, MAX_PODS } from '../plan/options.js';

/** Which families `--family` asks for. */
export type FamilyChoice = 'ipv4' | 'ipv6' | 'dual';

/** Which store `--store` asks for; the leases of a local one in a folder that stays, if one is named. */
export type StoreChoice = { readonly kind: 'local'; readonly directory?: string } | { readonly kind: 'etcd' | 'kube' };

/** What `overlay lab` is to do. */
export interface LabRunArguments {
  readonly action: 'run';
  readonly hosts: number;
  /** Absent: as the net-conf says, else vxlan. */
  readonly backend?: string;
  readonly netConf?: string;
  readonly underlay: Underlay;
  readonly pods: number;
  /** Absent: as the net-conf says, else IPv4. */
  readonly family?: FamilyChoice;
  readonly mtu: number;
  readonly store: StoreChoice;
  /** Every host is a real Node of Kubernetes, and pods are made by its API. */
  readonly kubelets: boolean;
  readonly perf: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}

/** The switches as commander gives them: absent unless they were there. */
type Switches = Partial<Pick<LabRunArguments, 'perf' | 'json' | 'keep' | 'kubelets'>>;

/** A whole command line, understood. */
export type LabArguments =
  LabRunArguments | { readonly action: 'down' } | { readonly action: 'help'; readonly text: string };

function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}.`);
    return value;
  };
}

function backendType(text: string): string {
  if (!/^[a-z][a-z0-9-]*$/i.test(text)) throw new InvalidArgumentError('Expected a name such as vxlan or host-gw.');
  return text.toLowerCase();
}

function storeChoice(text: string): StoreChoice {
  if (text === 'local' || text === 'etcd' || text === 'kube') return { kind: text };
  if (text.includes('/')) return { kind: 'local', directory: text };
  throw new InvalidArgumentError('Expected local, etcd, kube, or a folder for leases, such as ./leases.');
}

const EXIT_CODES = `
Exit codes: 0 every ping came back, 1 one did not or an agent failed, 2 wrong usage, 3 this machine lacks a program or
privilege that is named, 128 and the signal's number when one ended it.`;

/**
 * Understands the words after `overlay lab`.
 *
 * @throws OverlayError `OVERLAY_LAB_USAGE` with one line.
 */
export function parseLabArguments(argv: readonly string[]): LabArguments {
  let result: LabArguments | undefined;
  let help = '';
  const output = { writeOut: (text: string) => void (help += text), writeErr: () => undefined };
  const lab = new Command('overlay lab')
    .description('Runs hosts as network namespaces on this machine, an agent on each, and pings between their pods.')
    .configureOutput(output)
    .exitOverride()
    .allowExcessArguments(false)
    .helpCommand(false)
    .addOption(new Option('--hosts <n>', 'number of hosts').default(3).argParser(integerFrom(2, MAX_HOSTS.flat)))
    .addOption(
      new Option('--backend <type>', 'vxlan, host-gw, … (default: as --net-conf says, else vxlan)').argParser(
        backendType,
      ),
    )
    .addOption(new Option('--net-conf <file>', 'net-conf.json to use instead of a generated one'))
    .addOption(
      new Option('--underlay <kind>', 'flat: one segment; routed: h1 and h2 share one, the others have their own')
        .choices(['flat', 'routed'])
        .default('flat'),
    )
    .addOption(new Option('--pods <n>', 'pods on each host').default(1).argParser(integerFrom(1, MAX_PODS)))
    .addOption(
      new Option('--family <family>', 'address families (default: as --net-conf says, else ipv4)').choices([
        'ipv4',
        'ipv6',
        'dual',
      ]),
    )
    .addOption(new Option('--mtu <bytes>', 'MTU of the underlay').default(1500).argParser(integerFrom(1280, 65535)))
    .addOption(
      new Option(
        '--store <kind>',
        'local: files in a folder, or in the one named, which stays; etcd: a real one; kube: a real control plane',
      )
        .default({ kind: 'local' }, 'local')
        .argParser(storeChoice),
    )
    .addOption(new Option('--kubelets', 'with --store kube: a containerd and a kubelet on every host, pods by the API'))
    .addOption(new Option('--perf', 'measure the throughput between two pods with iperf3'))
    .addOption(new Option('--json', 'print one JSON object on standard output'))
    .addOption(new Option('--keep', 'leave it running afterwards; `overlay lab down` removes it'))
    .addHelpText('after', EXIT_CODES)
    .action((options: Omit<LabRunArguments, 'action' | keyof Switches> & Switches) => {
      const { perf = false, json = false, keep = false, kubelets = false } = options;
      result = { ...options, perf, json, keep, kubelets, action: 'run' };
    });
  lab
    .command('down')
    .description('Removes kept labs, and what is left of labs that were killed.')
    .configureOutput(output)
    .exitOverride()
    .allowExcessArguments(false)
    .action(() => {
      result = { action: 'down' };
    });
  try {
    lab.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: 'help', text: help };
    const line = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    throw new OverlayError('OVERLAY_LAB_USAGE', `overlay lab: ${line}; see overlay lab --help`, { cause: error });
  }
  if (result?.action === 'run' && result.kubelets && result.store.kind !== 'kube') {
    throw new OverlayError('OVERLAY_LAB_USAGE', 'overlay lab: --kubelets needs --store kube; see overlay lab --help');
  }
  if (result === undefined) throw new TypeError('overlay lab: no action was chosen');
  return result;
}
