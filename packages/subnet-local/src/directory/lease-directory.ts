import type { BigIntStats } from 'node:fs';
import {
  closeSync,
  constants,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, parseLeaseKey } from '@overlay/core';
import { decodeLease, encodeLease } from '../format/lease-content.js';
import type { LeaseRecord, Reading } from './lease-record.js';
import { temporaryName } from './work-names.js';

/** Bytes of the largest file that is taken for a lease. Real ones have some hundred. */
export const LARGEST_LEASE = 64 * 1024;

// A symbolic link could lead anywhere, and opening a pipe would wait for its writer.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const syncToDisk = promisify(fsync);

/**
 * The directory on disk. Calls are synchronous, because each is one system call on a few hundred bytes, except for
 * fsync, which waits for a disk.
 */
export class LeaseDirectory {
  constructor(readonly path: string) {}

  file(name: string): string {
    return join(this.path, name);
  }

  /** Makes the directory and those above it that are missing. */
  create(): void {
    mkdirSync(this.path, { recursive: true, mode: 0o755 });
  }

  names(): string[] {
    return readdirSync(this.path);
  }

  /** Identifies the directory itself: another one of the same name has another text. */
  identity(): string {
    // Inode numbers are used again at once, often for the very next directory that is made.
    const { dev, ino, birthtimeNs } = statSync(this.path, { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  }

  isThere(): boolean {
    return statSync(this.path, { throwIfNoEntry: false }) !== undefined;
  }

  /**
   * Looks for a lease in a file.
   *
   * @param known what was read before, given back when the file is still the same
   * @param as the lease's name, where the file has another one for the moment
   */
  read(name: string, known?: LeaseRecord, as = name): Reading {
    const subnets = parseLeaseKey(as);
    if (subnets === undefined) return { kind: 'junk', why: 'its name is no subnet', replaceable: false };
    let fd: number;
    try {
      if (known !== undefined && stampOf(lstatSync(this.file(name), { bigint: true })) === known.stamp) {
        return { kind: 'lease', record: known };
      }
      fd = openSync(this.file(name), READ);
    } catch (error) {
      return unopened(error);
    }
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (!stats.isFile()) return { kind: 'junk', why: 'it is no regular file', replaceable: !stats.isDirectory() };
      if (stats.size > BigInt(LARGEST_LEASE)) {
        return { kind: 'junk', why: `it is larger than ${LARGEST_LEASE} bytes`, replaceable: true };
      }
      const read = decodeLease(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(fd)));
      if ('problem' in read) return { kind: 'junk', why: read.problem, replaceable: true };
      const { attributes, hostId, expiresAt } = read;
      const key = hostId ?? `public-ip:${attributes.ipv4?.publicIP ?? attributes.ipv6?.publicIP ?? `none,${as}`}`;
      const text = `${as} ${encodeLease({ attributes, hostId })}`;
      const writtenAt = Number(stats.mtimeMs);
      return {
        kind: 'lease',
        record: { name: as, subnets, key, hostId, attributes, expiresAt, text, writtenAt, stamp: stampOf(stats) },
      };
    } catch (error) {
      if (errorCode(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
        return { kind: 'junk', why: 'it is not UTF-8', replaceable: true };
      }
      return { kind: 'trouble', error: asError(error) };
    } finally {
      closeSync(fd);
    }
  }

  /** Writes a text into a new file and down to the disk, then gives the file its name. */
  async write(ticket: string, name: string, text: string): Promise<void> {
    const temporary = this.file(temporaryName(ticket));
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      try {
        writeFileSync(fd, text);
        await syncToDisk(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.file(name));
    } catch (error) {
      this.discard(temporaryName(ticket));
      throw error;
    }
  }

  /** Removes one of our own working files if it can be removed. */
  discard(name: string): void {
    try {
      unlinkSync(this.file(name));
    } catch {
      // It is gone already, or cannot be removed now; it means nothing once it is old, and is cleaned up then.
    }
  }
}

function stampOf(stats: BigIntStats): string {
  return `${stats.ino}:${stats.ctimeNs}:${stats.size}`;
}

function unopened(error: unknown): Reading {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
  if (code === 'ELOOP') return { kind: 'junk', why: 'it is a symbolic link', replaceable: true };
  if (code === 'ENXIO') return { kind: 'junk', why: 'it is no regular file', replaceable: true };
  return { kind: 'trouble', error: asError(error) };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
