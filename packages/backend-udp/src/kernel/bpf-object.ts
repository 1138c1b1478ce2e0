import { createHash } from 'node:crypto';
import { OverlayError } from '@overlay/core';
import { KernelError } from '@overlay/linux';
import type { Direction } from '@overlay/linux/netlink';
import { readObjectFile } from './elf.js';
import type { MapDefinition, ObjectFile } from './elf.js';
import { CONFIG_BYTES, encodeConfig } from './layout.js';
import type { ProgramConfig } from './layout.js';
import type { NativeBpf } from './native.js';

/** BPF_MAP_TYPE_ARRAY, and the flag that keeps programs from writing (linux/bpf.h). */
const ARRAY = 2;
const READ_ONLY_FOR_PROGRAMS = 1 << 7;
/** Second operands of the instruction that loads a map: its descriptor, or an address inside its first value. */
const PSEUDO_MAP_FD = 1;
const PSEUDO_MAP_VALUE = 2;
const ZERO_KEY = new Uint8Array(4);
/** Names of at most 15 bytes: what bpftool shows. The maps have those of the bytecode. */
const NAMES: Readonly<Record<Direction, string>> = { egress: 'overlay_udp_out', ingress: 'overlay_udp_in' };
export const CONSTANTS = 'overlay.config';

/** Our bytecode, and how it is brought into the kernel. */
export class BpfObject {
  readonly maps: ReadonlyMap<string, MapDefinition>;
  readonly #file: ObjectFile;
  readonly #version: Uint8Array;

  constructor(readonly native: NativeBpf) {
    const bytecode = native.bytecode();
    this.#file = readObjectFile(bytecode);
    this.maps = this.#file.maps;
    this.#version = createHash('sha256').update(bytecode).digest().subarray(0, 8);
    if (this.#file.constantBytes !== CONFIG_BYTES) {
      throw new Error(`the bytecode's configuration has ${this.#file.constantBytes} bytes, expected ${CONFIG_BYTES}`);
    }
  }

  /** The constants of a program with this configuration, which also tell the bytecode's version. */
  constants(config: ProgramConfig): Uint8Array {
    return encodeConfig(config, this.#version);
  }

  /**
   * Makes a map.
   *
   * @throws KernelError `OVERLAY_BPF`.
   */
  createMap(name: string, { type, keySize, valueSize, maxEntries, flags }: MapDefinition): number {
    return attempt(`making the BPF map ${name}`, () =>
      this.native.createMap(name, type, keySize, valueSize, maxEntries, flags),
    );
  }

  /**
   * Has a program verified, with its configuration and maps. Gives its descriptor.
   *
   * @throws KernelError `OVERLAY_BPF`.
   */
  load(direction: Direction, config: ProgramConfig, maps: ReadonlyMap<string, number>): number {
    const { native } = this;
    const code = this.#file.programs.get(direction);
    if (!code) throw new Error(`the bytecode has no program ${direction}`);
    const definition = {
      type: ARRAY,
      keySize: 4,
      valueSize: CONFIG_BYTES,
      maxEntries: 1,
      flags: READ_ONLY_FOR_PROGRAMS,
    };
    const constants = this.createMap(CONSTANTS, definition);
    try {
      attempt('writing the configuration of a program', () => {
        native.update(constants, ZERO_KEY, this.constants(config), 1);
        native.freezeMap(constants);
      });
      const instructions = code.instructions.slice();
      const view = new DataView(instructions.buffer);
      for (const { offset, symbol } of code.relocations) {
        const isConfig = symbol === 'config';
        const fd = isConfig ? constants : maps.get(symbol);
        if (fd === undefined) throw new Error(`the bytecode needs a map ${symbol}`);
        // The register is the lower half of the byte, what the number means the upper one. Where in the value the
        // constant lies stands in the instruction already.
        const within = view.getUint32(offset + 4, true);
        instructions[offset + 1] =
          (instructions[offset + 1] & 0x0f) | ((isConfig ? PSEUDO_MAP_VALUE : PSEUDO_MAP_FD) << 4);
        view.setUint32(offset + 4, fd, true);
        view.setUint32(offset + 12, isConfig ? within : 0, true);
      }
      return attempt(`loading the BPF program for ${direction}`, () =>
        native.loadProgram(NAMES[direction], instructions, 'Apache-2.0'),
      );
    } finally {
      native.close(constants);
    }
  }
}

/** Runs something that throws what the addon throws. */
export function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw bpfError(what, error);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or with CAP_BPF and CAP_NET_ADMIN; kernel lockdown must not forbid BPF',
  ENOSYS: 'this kernel has no BPF',
  EINVAL: 'the kernel path needs Linux 5.10 or newer',
  EACCES: 'the kernel does not accept the program',
  E2BIG: 'the table is full',
};

/** What the addon threw, as an error for people. */
export function bpfError(what: string, error: unknown): OverlayError {
  if (error instanceof OverlayError) return error;
  const { errno, message, verifier } = error as { errno?: unknown; message?: unknown; verifier?: unknown };
  if (typeof errno !== 'number') throw error;
  const plain = new KernelError('OVERLAY_BPF', '', errno, error);
  const remedy = REMEDIES[plain.errnoName];
  const log = typeof verifier === 'string' ? verifier.trim().split('\n').slice(-4).join(' | ') : '';
  const text = `${what}: ${String(message)} (${plain.errnoName})${log === '' ? '' : `: ${log}`}`;
  return new KernelError('OVERLAY_BPF', remedy === undefined ? text : `${text}; ${remedy}`, errno, error);
}
