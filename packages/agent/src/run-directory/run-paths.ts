import { readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Where flags say nothing else. */
export const RUN_DIRECTORY = '/run/overlay';

/** What an agent keeps below its run directory. */
export interface RunPaths {
  /** The socket by which `overlay status` and `overlay apply` reach it. */
  readonly socket: string;
  /** Which subnet.env it wrote. */
  readonly subnetFileRecord: string;
}

/**
 * The paths of an instance in the network namespace of this process. The namespace is part of the names because hosts may
 * share a file system and not a network: those of a lab do.
 */
export function runPaths(runDirectory: string, instance: string): RunPaths {
  // `net:[4026531840]`: the namespace's inode.
  const [inode] = /\d+/.exec(readlinkSync('/proc/self/ns/net')) ?? ['0'];
  const at = (suffix: string): string => join(runDirectory, `${instance}-${inode}.${suffix}`);
  return { socket: at('sock'), subnetFileRecord: at('subnet-file.json') };
}
