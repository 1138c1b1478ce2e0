import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { abortError, errorText, OverlayError } from '@overlay/core';
import type { BackendSubject } from '../backend/subject.js';
import type { SubnetManagerSubject } from '../subnet-manager/subject.js';
import { implementationOf } from './package-facts.js';

/** The export by which a module tells what is to be tested. */
const EXPORT = 'conformance';
/** Milliseconds for a module to be there, which may start a server first. */
const LOAD_MS = 60_000;

/** What a module gives to be tested. */
export type Subject =
  | { readonly kind: 'backend'; readonly subject: BackendSubject<unknown> }
  | { readonly kind: 'subnetManager'; readonly subject: SubnetManagerSubject };

/**
 * Loads a module, and finds in it what is to be tested.
 *
 * @param name a path, from the working directory, or the name of a package that can be found from there.
 * @throws OverlayError `OVERLAY_CONFORMANCE_MODULE` with one line, `OVERLAY_ABORTED`.
 */
export async function loadSubject(
  name: string,
  mode: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Subject> {
  const url = locate(name);
  let module: Record<string, unknown>;
  try {
    module = await loaded(url, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw wrong(name, `it cannot be loaded: ${errorText(error).split('\n')[0]}`, error);
  }
  const exported = module[EXPORT];
  const found = (Array.isArray(exported) ? exported : [exported]) as readonly unknown[];
  if (exported === undefined || found.length === 0) {
    throw wrong(name, `expected an export \`${EXPORT}\`, a BackendSubject or a SubnetManagerSubject, got none`);
  }
  const subject = choose(name, found, mode);
  const facts = subject.subject.implementation ?? implementationOf(fileURLToPath(url));
  return withImplementation(subject, facts);
}

/** Gives up waiting for a module that waits itself. */
async function loaded(url: string, signal: AbortSignal | undefined): Promise<Record<string, unknown>> {
  let giveUp: ((error: Error) => void) | undefined;
  const given = new Promise<never>((_, reject) => (giveUp = reject));
  const timer = setTimeout(() => giveUp?.(new Error(`it is not loaded after ${LOAD_MS / 1000} s`)), LOAD_MS);
  const aborted = (): void => giveUp?.(abortError('loading the module', signal));
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    return await Promise.race([import(url) as Promise<Record<string, unknown>>, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  }
}

function withImplementation(found: Subject, implementation: Subject['subject']['implementation']): Subject {
  if (implementation === undefined) return found;
  return found.kind === 'backend'
    ? { kind: found.kind, subject: { ...found.subject, implementation } }
    : { kind: found.kind, subject: { ...found.subject, implementation } };
}

function locate(name: string): string {
  const file = path.resolve(name);
  if (existsSync(file)) return pathToFileURL(file).href;
  if (/^[./]/.test(name)) throw wrong(name, 'there is no such file');
  try {
    return pathToFileURL(createRequire(path.resolve('conformance.js')).resolve(name)).href;
  } catch (error) {
    throw wrong(name, 'there is no such file, and no such package is installed here', error);
  }
}

function choose(name: string, found: readonly unknown[], mode: string | undefined): Subject {
  const subjects = found.map((each) => subjectOf(name, each));
  const modes = subjects.map(({ subject }) => subject.mode ?? 'default');
  const shown = modes.join(', ');
  if (mode === undefined) {
    if (subjects.length > 1) throw wrong(name, `it has several modes; name one of ${shown} with --mode`);
    return subjects[0];
  }
  const at = modes.indexOf(mode);
  if (at < 0) throw wrong(name, `--mode: expected one of ${shown}, got ${JSON.stringify(mode)}`);
  return subjects[at];
}

function subjectOf(name: string, exported: unknown): Subject {
  const has = (member: string, type: string): boolean =>
    typeof exported === 'object' && exported !== null && typeof Reflect.get(exported, member) === type;
  if (has('factory', 'function') && has('environment', 'object')) {
    return { kind: 'backend', subject: exported as BackendSubject<unknown> };
  }
  if (has('create', 'function') && has('supports', 'object')) {
    return { kind: 'subnetManager', subject: exported as SubnetManagerSubject };
  }
  const backend = 'a backend (members `factory` and `environment`)';
  const manager = 'a subnet manager (members `create` and `supports`)';
  throw wrong(name, `export \`${EXPORT}\`: expected ${backend} or ${manager}`);
}

function wrong(name: string, what: string, cause?: unknown): OverlayError {
  return new OverlayError('OVERLAY_CONFORMANCE_MODULE', `--module ${name}: ${what}`, { key: '--module', cause });
}
