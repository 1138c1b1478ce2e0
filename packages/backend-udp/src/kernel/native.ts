import { loadAddon } from '@overlay/linux';

/** What the kernel tells of a map; numbers as in linux/bpf.h. */
export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** What the kernel tells of a program. */
export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  /** Instructions that the verifier went through; 0 where the kernel does not tell (before 5.16). */
  readonly verified: number;
  /** Ids of the maps that it uses. */
  readonly maps: readonly number[];
}

/** Keys and values one behind the other. */
export interface Entries {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

/**
 * The functions of the addon; native/bpf/addon says more. Maps and programs are named by open descriptors. Errors that
 * they throw carry `errno` (positive) and `syscall`, those of {@link loadProgram} also `verifier`.
 */
export interface NativeBpf {
  bytecode(): Uint8Array;
  loadProgram(name: string, instructions: Uint8Array, license: string): number;
  programById(id: number): number;
  programInfo(fd: number): ProgramInfo;
  createMap(name: string, type: number, keySize: number, valueSize: number, maxEntries: number, flags: number): number;
  mapById(id: number): number;
  mapInfo(fd: number): MapInfo;
  freezeMap(fd: number): void;
  update(fd: number, keys: Uint8Array, values: Uint8Array, count: number): void;
  remove(fd: number, keys: Uint8Array, count: number): void;
  lookup(fd: number, key: Uint8Array, valueBytes: number): Uint8Array | undefined;
  dump(fd: number, keySize: number, valueSize: number): Entries;
  digest(fd: number, keySize: number, valueSize: number): bigint;
  close(fd: number): void;
  getOffload(netns: string | undefined, device: string, name: OffloadName): boolean;
  setOffload(netns: string | undefined, device: string, name: OffloadName, on: boolean): void;
}

/** Offloads of a device: joining of received packets, segmentation of TCP, and checksums of what is sent. */
export type OffloadName = 'gro' | 'tso' | 'tx';

/**
 * Loads the addon.
 *
 * @throws OverlayError `OVERLAY_NATIVE_MISSING`.
 */
export function loadNativeBpf(base: string | URL = import.meta.url): NativeBpf {
  return loadAddon({
    file: 'overlay-bpf.node',
    title: 'the BPF addon',
    build: '`node native/build.mjs` in packages/backend-udp (needs gcc and clang)',
    base,
  }) as NativeBpf;
}
