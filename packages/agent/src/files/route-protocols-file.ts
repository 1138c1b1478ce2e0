import { existsSync, readFileSync } from 'node:fs';
import { errorCode } from '@overlay/core';
import { ROUTE_PROTOCOL } from '@overlay/linux';
import type { StatePaths } from '../state-directory/state-paths.js';
import { replaceFile } from './replace-file.js';

const MODE = 0o644;

/**
 * The protocol numbers of the routes that an instance has made or may have made, the latest first: that without which
 * nobody would know its routes again. One that was never told of another number has the usual one.
 *
 * Throws system errors.
 */
export function routeProtocols({ routeProtocols: path }: Pick<StatePaths, 'routeProtocols'>): readonly number[] {
  const numbers = readNumbers(path);
  return numbers === undefined || numbers.length === 0 ? [ROUTE_PROTOCOL] : numbers;
}

/** The numbers that routes of an earlier run may have; none on a host that has had no run. Throws system errors. */
export function formerRouteProtocols(state: StatePaths): readonly number[] {
  // An agent that kept no such record may have left routes with the usual number.
  return readNumbers(state.routeProtocols) ?? (existsSync(state.configurations) ? [ROUTE_PROTOCOL] : []);
}

/** Notes the number with which routes are made from now on, before there are any. Throws system errors. */
export function noteRouteProtocol(state: StatePaths, number: number): void {
  const known = readNumbers(state.routeProtocols);
  const before = formerRouteProtocols(state);
  if (known === undefined ? number === ROUTE_PROTOCOL : known[0] === number) return;
  const numbers = [number, ...before.filter((each) => each !== number)];
  replaceFile(state.routeProtocols, { text: `${numbers.join('\n')}\n`, mode: MODE, durable: true });
}

function readNumbers(path: string): number[] | undefined {
  try {
    const numbers = readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number);
    return numbers.filter((number) => Number.isInteger(number) && number > 0 && number < 256);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
