import { statSync } from 'node:fs';
import type { NetnsScript } from '../plan/link-scripts.js';
import type { RunOptions } from './run.js';
import { run } from './run.js';

/** Where `ip netns` keeps named namespaces. */
export const NETNS_DIRECTORY = '/run/netns';

/** The argv that runs a program in a namespace; it replaces itself by the program, which so keeps the process id. */
export function inNetns(netns: string, argv: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--net=${NETNS_DIRECTORY}/${netns}`, '--', ...argv];
}

/**
 * The argv that runs a program which the kernel kills when this process ends, however it does. Node cannot ask for that,
 * setpriv can; the setting stays through the exec that follows.
 */
export function endingWithParent(argv: readonly string[]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'KILL', '--', ...argv];
}

/** The inode of a named namespace, which is what /proc/PID/ns/net of a process in it shows; undefined without one. */
export function netnsInode(netns: string): number | undefined {
  return statSync(`${NETNS_DIRECTORY}/${netns}`, { throwIfNoEntry: false })?.ino;
}

/** Makes named namespaces, all in one `ip` process. */
export async function addNetns(names: readonly string[], options: RunOptions = {}): Promise<void> {
  if (names.length === 0) return;
  await run(['ip', '-batch', '-'], { ...options, input: `${names.map((name) => `netns add ${name}`).join('\n')}\n` });
}

/** Removes named namespaces with everything in them; one that is not there is fine. */
export async function deleteNetns(names: readonly string[]): Promise<void> {
  const present = names.filter((name) => netnsInode(name) !== undefined);
  if (present.length === 0) return;
  const input = `${present.map((name) => `netns del ${name}`).join('\n')}\n`;
  // Two sweepers may be at it at once, so what failed is judged by what is left.
  const { stderr } = await run(['ip', '-force', '-batch', '-'], { input, check: false });
  const left = present.filter((name) => netnsInode(name) !== undefined);
  if (left.length > 0) throw new Error(`ip netns del ${left.join(' ')}: ${stderr.trim().split('\n')[0]}`);
}

/** Writes a script's sysctls. They have to be there before the devices, which take the defaults over when they appear. */
export async function writeSysctls(script: NetnsScript, options: RunOptions = {}): Promise<void> {
  if (script.sysctls.length === 0) return;
  const commands = script.sysctls.map(([path, value]) => `echo ${value} >/proc/sys/net/${path}`);
  await run(inNetns(script.netns, ['sh', '-ec', commands.join('\n')]), options);
}

/** Runs a script's lines in one `ip` process; the first that fails ends it. */
export async function runLines(script: NetnsScript, options: RunOptions = {}): Promise<void> {
  if (script.lines.length === 0) return;
  await run(['ip', '-n', script.netns, '-batch', '-'], { ...options, input: `${script.lines.join('\n')}\n` });
}
