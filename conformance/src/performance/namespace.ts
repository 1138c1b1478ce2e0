import process from 'node:process';
import { throwIfAborted } from '@overlay/core';
import { command } from './command.js';

const DIRECTORY = '/run/netns';
let made = 0;

/** A network namespace for one measurement. */
export interface Namespace {
  readonly name: string;
  /** As `setns` and the addon take it. */
  readonly path: string;
  /** Removes it. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a network namespace, with the lines of `ip -batch` carried out in it. It is removed when it is disposed of. */
export async function makeNamespace(lines: readonly string[], signal: AbortSignal): Promise<Namespace> {
  const never = new AbortController().signal;
  const name = `ovb-${process.pid}-${(made += 1)}`;
  throwIfAborted('benchmark', signal);
  // Not ended half-way: nobody would know whether there is a namespace to be removed.
  await command(['ip', 'netns', 'add', name], { signal: never });
  const remove = async (): Promise<void> => {
    await command(['ip', 'netns', 'del', name], { signal: never });
  };
  try {
    await command(['ip', '-n', name, '-batch', '-'], { signal, input: `${lines.join('\n')}\n` });
  } catch (error) {
    await remove();
    throw error;
  }
  return { name, path: `${DIRECTORY}/${name}`, [Symbol.asyncDispose]: remove };
}
