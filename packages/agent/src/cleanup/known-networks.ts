import { readFileSync } from 'node:fs';
import type { NetConf, Prefix } from '@overlay/core';
import { errorCode, errorText, FAMILIES, OverlayError, parseNetConf, parseRecord, parseSubnetEnv } from '@overlay/core';
import type { StatePaths } from '../state-directory/state-paths.js';

export interface NetworkSources {
  /** The configuration's file, and whether somebody named it or it is only where it usually is. */
  readonly netConf: { readonly path: string; readonly named: boolean };
  readonly subnetFile: string;
  readonly state: StatePaths;
}

/** The networks that this host is, or was, part of, and what could not be read about them. */
export interface KnownNetworks {
  readonly networks: readonly Prefix[];
  readonly notes: readonly string[];
}

/**
 * Finds out the networks inside which this host's routes are: those of the configuration that is there now, those of the
 * configurations that the agent recorded as being in effect, and those in subnet.env.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` when a file that was named cannot be used.
 */
export function knownNetworks({ netConf, subnetFile, state }: NetworkSources): KnownNetworks {
  const networks = new Set<Prefix>();
  const notes: string[] = [];
  const take = (conf: NetConf): void => {
    for (const family of FAMILIES) if (conf[family] !== undefined) networks.add(conf[family].network);
  };
  try {
    take(parseNetConf(readFileSync(netConf.path, 'utf8'), { source: netConf.path }));
  } catch (error) {
    if (netConf.named) throw unusable(error);
    if (errorCode(error) !== 'ENOENT') notes.push(`${netConf.path} is not used: ${errorText(error)}`);
  }
  const record = readIfThere(state.configurations);
  const recorded = record === undefined ? { configurations: [] } : parseRecord(record);
  if ('problem' in recorded) notes.push(`${state.configurations} is not used: ${recorded.problem}`);
  else for (const conf of recorded.configurations) take(conf);
  const text = readIfThere(subnetFile);
  const reading = text === undefined ? undefined : parseSubnetEnv(text);
  for (const family of FAMILIES) for (const network of reading?.[family]?.networks ?? []) networks.add(network);
  return { networks: [...networks], notes };
}

function unusable(error: unknown): unknown {
  if (errorCode(error)?.startsWith('OVERLAY_')) return error;
  return new OverlayError('OVERLAY_CONFIG_INVALID', `--net-config-path: ${errorText(error)}`, {
    key: '--net-config-path',
    cause: error,
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
