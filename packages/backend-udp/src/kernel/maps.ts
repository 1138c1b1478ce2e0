import { readFileSync } from 'node:fs';
import type { BpfObject } from './bpf-object.js';
import { attempt, bpfError } from './bpf-object.js';
import type { MapDefinition } from './elf.js';
import type { Entries } from './native.js';

/** Names of the maps in native/bpf/program/tables.h. */
export type MapName = 'routes4' | 'routes6' | 'lengths' | 'counters' | 'strays';

/** The maps that our programs share. While they are open here they outlive every program that is taken away. */
export class BpfMaps {
  /** The kernel's ids, ascending, by which it is known whether a program uses these. */
  readonly ids: readonly number[];
  readonly #fds: ReadonlyMap<string, number>;

  private constructor(
    private readonly object: BpfObject,
    fds: ReadonlyMap<string, number>,
  ) {
    this.#fds = fds;
    this.ids = [...fds.values()].map((fd) => object.native.mapInfo(fd).id).sort((a, b) => a - b);
  }

  /**
   * Takes those of the first of these programs that still runs, as far as they are such as ours, and makes the others,
   * empty.
   *
   * @throws KernelError `OVERLAY_BPF`.
   */
  static open(object: BpfObject, programs: readonly number[]): BpfMaps {
    const fds = new Map<string, number>();
    try {
      for (const program of programs) {
        if (fds.size === 0) adopt(object, program, fds);
      }
      for (const [name, definition] of object.maps) {
        if (!fds.has(name)) fds.set(name, object.createMap(name, definition));
      }
      return new BpfMaps(object, fds);
    } catch (error) {
      for (const fd of fds.values()) object.native.close(fd);
      throw error;
    }
  }

  /** Open descriptors by name. */
  get fds(): ReadonlyMap<string, number> {
    return this.#fds;
  }

  /** All entries of a hash map. */
  dump(name: MapName): Entries {
    const { keySize, valueSize } = this.#definition(name);
    return attempt(`reading the BPF map ${name}`, () => this.object.native.dump(this.#fd(name), keySize, valueSize));
  }

  /** A number that is another one when any entry of a hash map is. */
  digest(name: MapName): bigint {
    const { keySize, valueSize } = this.#definition(name);
    return attempt(`reading the BPF map ${name}`, () => this.object.native.digest(this.#fd(name), keySize, valueSize));
  }

  /** Writes entries, one behind the other; not all of them when it throws. */
  update(name: MapName, keys: Uint8Array, values: Uint8Array, count: number): void {
    attempt(`writing the BPF map ${name}`, () => this.object.native.update(this.#fd(name), keys, values, count));
  }

  remove(name: MapName, keys: Uint8Array, count: number): void {
    attempt(`writing the BPF map ${name}`, () => this.object.native.remove(this.#fd(name), keys, count));
  }

  /** The value of a hash map's entry; undefined if there is none. */
  lookup(name: MapName, key: Uint8Array): Uint8Array | undefined {
    const { valueSize } = this.#definition(name);
    return attempt(`reading the BPF map ${name}`, () => this.object.native.lookup(this.#fd(name), key, valueSize));
  }

  /** The value of an array's element; of a per-CPU one, those of all CPUs one behind the other. */
  element(name: MapName, index: number): Uint8Array {
    const { type, valueSize } = this.#definition(name);
    const key = new Uint8Array(Uint32Array.of(index).buffer);
    const bytes = type === PER_CPU_ARRAY ? valueSize * possibleCpus() : valueSize;
    const value = attempt(`reading the BPF map ${name}`, () => this.object.native.lookup(this.#fd(name), key, bytes));
    return value ?? new Uint8Array(bytes);
  }

  setElement(name: MapName, index: number, value: Uint8Array): void {
    this.update(name, new Uint8Array(Uint32Array.of(index).buffer), value, 1);
  }

  close(): void {
    for (const fd of this.#fds.values()) this.object.native.close(fd);
  }

  #fd(name: MapName): number {
    const fd = this.#fds.get(name);
    if (fd === undefined) throw new Error(`the bytecode has no map ${name}`);
    return fd;
  }

  #definition(name: MapName): MapDefinition {
    const definition = this.object.maps.get(name);
    if (!definition) throw new Error(`the bytecode has no map ${name}`);
    return definition;
  }
}

/** BPF_MAP_TYPE_PERCPU_ARRAY of linux/bpf.h. */
const PER_CPU_ARRAY = 6;

let cpus: number | undefined;

/** How many values a per-CPU map has: also of CPUs that are not there. The list says `0-3` or `0`. */
function possibleCpus(): number {
  cpus ??= Number(readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim().split(/[,-]/).pop()) + 1;
  return cpus;
}

/** Opens the maps of a program that are like ours. */
function adopt(object: BpfObject, program: number, fds: Map<string, number>): void {
  for (const id of mapsOf(object, program)) {
    const fd = open(() => object.native.mapById(id));
    if (fd === undefined) continue;
    const { name, ...info } = object.native.mapInfo(fd);
    const definition = object.maps.get(name);
    if (definition && !fds.has(name) && isLike(info, definition)) fds.set(name, fd);
    else object.native.close(fd);
  }
}

/** Ids of the maps that a program uses; none if it is gone. */
export function mapsOf(object: BpfObject, program: number): readonly number[] {
  const fd = open(() => object.native.programById(program));
  if (fd === undefined) return [];
  try {
    return object.native.programInfo(fd).maps;
  } finally {
    object.native.close(fd);
  }
}

/** A descriptor of something that runs in the kernel, or undefined if it is gone by now. */
export function open(action: () => number): number | undefined {
  try {
    return action();
  } catch (error) {
    const ENOENT = 2;
    if ((error as { errno?: unknown }).errno === ENOENT) return undefined;
    throw bpfError('looking at the BPF programs that run', error);
  }
}

function isLike(found: MapDefinition, wanted: MapDefinition): boolean {
  return (
    found.type === wanted.type &&
    found.keySize === wanted.keySize &&
    found.valueSize === wanted.valueSize &&
    found.maxEntries === wanted.maxEntries &&
    found.flags === wanted.flags
  );
}
