import { readFile } from 'node:fs/promises';
import { errorText, OverlayError } from '@overlay/core';

/** A password: fixed, in a file (its last line break is not a part of it), or asked for. The latter two each time anew. */
export type Password = string | { readonly file: string } | (() => string | Promise<string>);

/** @throws OverlayError `OVERLAY_STORE_UNAVAILABLE` when it cannot be read now */
export async function readPassword(password: Password): Promise<string> {
  if (typeof password === 'string') return password;
  try {
    if (typeof password === 'function') return await password();
    return (await readFile(password.file, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new OverlayError('OVERLAY_STORE_UNAVAILABLE', `reading the password for etcd: ${errorText(cause)}`, {
      cause,
    });
  }
}
