import { readFile } from 'node:fs/promises';
import { errorText, OverlayError } from '@overlay/core';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The authorities that may sign etcd's certificate; those of the system when it is left out. Enough by itself. */
  readonly ca?: string;
  /** This client's certificate and key, where etcd asks for one: both or neither. */
  readonly cert?: string;
  readonly key?: string;
}

/** What the files hold at one moment. */
export interface TlsContents {
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}

/** @throws OverlayError `OVERLAY_STORE_UNAVAILABLE` naming the file: it may come back, certificates are being rotated */
export async function readTlsFiles(files: TlsFiles): Promise<TlsContents> {
  const [ca, cert, key] = await Promise.all([
    read('CA', files.ca),
    read('certificate', files.cert),
    read('key', files.key),
  ]);
  return { ca, cert, key };
}

export function sameTlsContents(a: TlsContents, b: TlsContents): boolean {
  return same(a.ca, b.ca) && same(a.cert, b.cert) && same(a.key, b.key);
}

function same(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

async function read(what: string, path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new OverlayError('OVERLAY_STORE_UNAVAILABLE', `reading the ${what} file for etcd: ${errorText(cause)}`, {
      cause,
    });
  }
}
