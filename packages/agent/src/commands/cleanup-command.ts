import { resolve } from 'node:path';
import { OverlayError } from '@overlay/core';
import type { CleanupReport } from '../cleanup/cleanup.js';
import { cleanup } from '../cleanup/cleanup.js';
import type { OwnLeases } from '../cleanup/own-leases.js';
import { ownLeases } from '../cleanup/own-leases.js';
import { readStore } from '../flags/store-settings.js';
import { STORE_FLAGS } from '../flags/store-table.js';
import { instanceName } from '../flags/instance-name.js';
import { usageError } from '../flags/usage-error.js';
import { readHostId } from '../identity/host-id.js';
import { runPaths } from '../run-directory/run-paths.js';
import type { StatePaths } from '../state-directory/state-paths.js';
import { statePaths } from '../state-directory/state-paths.js';
import type { Command, CommandOutput } from './command.js';
import type { CommandFlags, CommandInput } from './read-flags.js';
import { agentFlags, commandSwitch } from './read-flags.js';

/** `overlay cleanup`. */
export const cleanupCommand: Command = {
  name: 'overlay cleanup',
  description:
    'Removes everything that the agent has on this host, in this network namespace, and nothing else: devices with what ' +
    'is on them, routes, its files. Kernel settings stay as they are.',
  flags: [
    commandSwitch('dry-run', 'only list what would be removed, one line each'),
    commandSwitch('for-flanneld', 'leave devices and routes to flanneld, in its shape; no packet is lost'),
    commandSwitch('release-lease', 'give up the lease too; else the host gets its subnet again when it comes back'),
    commandSwitch('force', 'go on although the agent runs'),
    commandSwitch('json', 'say it as one JSON object'),
    ...agentFlags(
      'instance',
      'net-config-path',
      'subnet-file',
      ...STORE_FLAGS.map(({ name }) => name).filter((name) => !name.startsWith('subnet-lease-')),
      'host-id',
      'state-dir',
      'run-dir',
      'help',
    ),
  ],
  notes: 'Exit codes: 0 nothing is left, 1 something is, or an agent runs, 64 a wrong command line.',
  async run(flags, { env, output }) {
    const instance = instanceName(flags.text('instance'));
    const state = statePaths(flags.text('state-dir'), instance);
    const { signal } = new AbortController();
    const dryRun = flags.isOn('dry-run');
    const forFlanneld = flags.isOn('for-flanneld');
    const leases = flags.isOn('release-lease') ? leasesOf(flags, state, env, signal) : undefined;
    if (forFlanneld && leases !== undefined) {
      throw usageError('--release-lease: flanneld goes on with the lease; leave out one of it and --for-flanneld');
    }
    const report = await cleanup({
      instance,
      run: runPaths(flags.text('run-dir'), instance),
      state,
      folders: [state.folder, flags.text('state-dir'), flags.text('run-dir')],
      netConf: { path: flags.text('net-config-path'), named: flags.given('net-config-path') },
      subnetFile: resolve(flags.text('subnet-file')),
      dryRun,
      forFlanneld,
      force: flags.isOn('force'),
      ...(leases && { leases }),
      signal,
    });
    tell(report, { dryRun, forFlanneld, json: flags.isOn('json') }, output);
    return report.failures.length === 0 ? 0 : 1;
  },
};

function leasesOf(flags: CommandFlags, state: StatePaths, env: CommandInput['env'], signal: AbortSignal): OwnLeases {
  const store = readStore(flags, env);
  // On Kubernetes it is the Node that counts.
  const hostId =
    flags.text('host-id') || env['NODE_NAME'] || (store.kind === 'kube' ? 'node' : readHostId(state.hostId));
  if (hostId !== undefined) return ownLeases(store, hostId, signal);
  throw new OverlayError(
    'OVERLAY_HOST_ID',
    `--release-lease: ${state.hostId} does not say who this host is; say it with --host-id`,
    { key: '--host-id' },
  );
}

interface Manner {
  readonly dryRun: boolean;
  readonly forFlanneld: boolean;
  readonly json: boolean;
}

function tell({ items, failures, notes }: CleanupReport, manner: Manner, output: CommandOutput): void {
  const { dryRun, forFlanneld, json } = manner;
  if (json) {
    const refused = failures.map(({ item, reason }) => ({ ...item, reason }));
    output.out(`${JSON.stringify({ dryRun, forFlanneld, items, failures: refused, notes }, undefined, 2)}\n`);
    return;
  }
  for (const note of notes) output.err(`note: ${note}\n`);
  const changed = forFlanneld ? 'handed back' : 'removed';
  for (const { kind, text } of items) {
    const verb = kind === 'file' ? 'removed' : changed;
    output.out(dryRun ? `${text}\n` : `${verb} ${text}\n`);
  }
  for (const { item, reason } of failures) output.err(`left ${item.text}: ${reason}\n`);
  if (items.length === 0 && failures.length === 0) output.err('nothing of this instance is here\n');
}
