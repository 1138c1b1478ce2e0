import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { OverlayError } from '@overlay/core';
import type { BackendFactory, JsonObject, JsonValue, Mac } from '@overlay/core';
import type { Linux } from '@overlay/linux';

/** What the benchmarks have to know of a backend: a module exports it as `subject`. */
export interface Subject {
  /** `Backend.Type`. */
  readonly type: string;
  /** Makes the backend for one network namespace. */
  create(linux: Linux): BackendFactory;
  /** What a host publishes beside its address, given a MAC that no other host has. None unless told. */
  data?(host: { readonly mac: Mac }): JsonValue;
  /** More members of `Backend` in net-conf.json. */
  readonly options?: JsonObject;
}

/**
 * Loads a subject from a module.
 *
 * @param file path of the module.
 * @throws OverlayError `OVERLAY_BENCH_SUBJECT` when it cannot be loaded or exports no subject.
 */
export async function loadSubject(file: string): Promise<Subject> {
  const what = `benchmark: the subject ${file}`;
  let exported: { readonly subject?: Partial<Subject> };
  try {
    exported = (await import(pathToFileURL(path.resolve(file)).href)) as typeof exported;
  } catch (cause) {
    throw new OverlayError('OVERLAY_BENCH_SUBJECT', `${what} cannot be loaded`, { cause });
  }
  const { subject } = exported;
  if (typeof subject?.type === 'string' && typeof subject.create === 'function') return subject as Subject;
  throw new OverlayError('OVERLAY_BENCH_SUBJECT', `${what} has to export \`subject\` with \`type\` and \`create\``);
}
