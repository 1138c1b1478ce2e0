import { OverlayError } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import type { Direction } from '@overlay/linux/netlink';
import { Attachments } from './attachments.js';
import { attempt, BpfObject, CONSTANTS } from './bpf-object.js';
import type { ProgramConfig } from './layout.js';
import { CONFIG_BYTES } from './layout.js';
import { BpfMaps, mapsOf, open } from './maps.js';
import { loadNativeBpf } from './native.js';
import type { NativeBpf } from './native.js';

const ZERO_KEY = new Uint8Array(4);

/**
 * Programs and maps of one network namespace. Open as often as a network needs it; with the last one that closes it the
 * maps are let go, and live on with the programs that use them.
 */
export class UdpKernel {
  readonly attachments: Attachments;
  readonly object: BpfObject;
  /** Devices that programs name by their index. */
  readonly names = new Set<string>();
  /** The kernel has taken the programs before. */
  isVerified = false;
  #maps: BpfMaps | undefined;
  #opening: Promise<void> | undefined;
  #users = 0;

  /** @throws OverlayError `OVERLAY_NATIVE_MISSING`. */
  constructor(
    readonly linux: Linux,
    readonly native: NativeBpf = loadNativeBpf(),
  ) {
    this.attachments = new Attachments(linux.session, linux.alias);
    this.object = new BpfObject(this.native);
  }

  /** The maps; those of programs that run already, if they are like ours. */
  get maps(): BpfMaps {
    if (!this.#maps) throw new OverlayError('OVERLAY_CLOSED', 'BPF: the maps are not open');
    return this.#maps;
  }

  get isOpen(): boolean {
    return this.#maps !== undefined;
  }

  open(): void {
    this.#users += 1;
  }

  close(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#maps?.close();
    this.#maps = undefined;
    this.#opening = undefined;
    this.names.clear();
  }

  /** Resolves when there are maps. Throws KernelError; NetlinkError. */
  ready(signal: AbortSignal): Promise<void> {
    this.#opening ??= this.#open(signal).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Has a program verified. @throws KernelError `OVERLAY_BPF`. */
  load(direction: Direction, config: ProgramConfig): number {
    return this.object.load(direction, config, this.maps.fds);
  }

  closeProgram(fd: number): void {
    this.native.close(fd);
  }

  /** What a program with this configuration is to be found with: its constants, and that it uses our maps. */
  contentOf(config: ProgramConfig): string {
    return `${Buffer.from(this.object.constants(config)).toString('hex')} own`;
  }

  /** What a program that runs is found with. */
  contentOfProgram(id: number): string {
    const own = new Set(this.maps.ids);
    let constants = '';
    let foreign = false;
    for (const map of mapsOf(this.object, id)) {
      if (own.has(map)) continue;
      const fd = open(() => this.native.mapById(map));
      if (fd === undefined) continue;
      try {
        const { name, valueSize } = this.native.mapInfo(fd);
        if (name === CONSTANTS && valueSize === CONFIG_BYTES) {
          const value = attempt('reading the configuration of a program', () =>
            this.native.lookup(fd, ZERO_KEY, CONFIG_BYTES),
          );
          constants = Buffer.from(value ?? []).toString('hex');
        } else foreign = true;
      } finally {
        this.native.close(fd);
      }
    }
    return `${constants} ${foreign ? 'foreign' : 'own'}`;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const found = await this.attachments.list(undefined, signal);
    // The program for what comes in uses all of them.
    const programs = [...found].sort((a, b) => Number(a.direction === 'egress') - Number(b.direction === 'egress'));
    const ids = programs.map(({ program }) => program);
    const maps = BpfMaps.open(this.object, ids);
    if (this.#users === 0) maps.close();
    else this.#maps = maps;
  }
}
